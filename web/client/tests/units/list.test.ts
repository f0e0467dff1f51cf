import { beforeEach, expect, test, vi } from 'vitest'

const shelf = new Map<string, string>()
vi.stubGlobal('uni', {
  getStorageSync: (name: string) => shelf.get(name) ?? '',
  setStorageSync: (name: string, text: string) => shelf.set(name, text),
  removeStorageSync: (name: string) => shelf.delete(name),
  navigateTo: () => undefined,
})

const { useList } = await import('@/state/list')
const { begin } = await import('@/state/session')

const signIn = (user_id: number) => begin({ token: 't', expires_in: 1, user_info: { user_id } } as never)
beforeEach(() => {
  shelf.clear()
  signIn(9)
})

/** Five rows, two a page; nothing while the network is away. */
function listed(name = '') {
  const asked: number[] = []
  const network = { away: false }
  const list = useList<number>(
    async (offset) => {
      asked.push(offset)
      if (network.away) throw new Error('away')
      return { rows: [0, 1, 2, 3, 4].slice(offset, offset + 2), page_info: { has_more: offset + 2 < 5 } as never }
    },
    (row) => row,
    () => name,
  )
  return { list, asked, network }
}

test('it grows page by page to its end, and a failure waits for the person', async () => {
  const { list, asked, network } = listed()
  await list.again()
  await list.next()
  network.away = true
  await list.next()
  await list.next()
  expect([list.rows.value, !!list.trouble.value, asked]).toEqual([[0, 1, 2, 3], true, [0, 2, 4]])
  network.away = false
  await list.retry()
  await list.next()
  expect([list.rows.value, list.more.value, list.trouble.value, asked]).toEqual([[0, 1, 2, 3, 4], false, undefined, [0, 2, 4, 4]])
})

test('one with a name shows the next time what was seen of it, to the same member', async () => {
  const before = listed('numbers')
  expect(before.list.rows.value).toBeUndefined()
  await before.list.again()
  await before.list.next()

  const { list, asked, network } = listed('numbers')
  expect(list.rows.value).toEqual([0, 1])
  network.away = true
  await list.again()
  expect([list.rows.value, !!list.trouble.value]).toEqual([[0, 1], true])
  network.away = false
  await list.retry()
  await list.next()
  expect([list.rows.value, asked]).toEqual([[0, 1, 2, 3], [0, 0, 2]])

  expect(listed().list.rows.value).toBeUndefined()
  signIn(10)
  expect(listed('numbers').list.rows.value).toBeUndefined()
})
