import { beforeEach, describe, expect, test, vi } from 'vitest'
import { Attempts, type Shelf } from '@/logic/attempts'
import { ApiError } from '@fanpiao/api'
import { asTrouble } from '@/logic/trouble'

interface Asked {
  url: string
  method: string
  header: Record<string, string>
  data?: string
  success(answer: { statusCode: number; data: unknown }): void
  fail(): void
}

const shelf = new Map<string, string>()
const asked: Asked[] = []
const store: Shelf = { get: (name) => shelf.get(name), put: (name, text) => void shelf.set(name, text), drop: (name) => void shelf.delete(name), names: () => [...shelf.keys()] }

vi.stubGlobal('uni', {
  getStorageSync: (name: string) => shelf.get(name) ?? '',
  setStorageSync: (name: string, text: string) => shelf.set(name, text),
  removeStorageSync: (name: string) => shelf.delete(name),
  getStorageInfoSync: () => ({ keys: [...shelf.keys()] }),
  request: (request: Asked) => asked.push(request),
  navigateTo: () => undefined,
})

const { useWrite } = await import('@/state/write')
const { network } = await import('@/state/network')
const { begin } = await import('@/state/session')

const WRITE = { method: 'POST', path: '/api/v1/orders', body: { meal_id: 7 } } as const
const key = (at: number) => asked[at]!.header['Idempotency-Key']
const refusal = (code: string, status = 400) => ({ statusCode: status, data: { success: false, message: '不行', error_code: code, request_id: 'r1' } })

beforeEach(() => {
  shelf.clear()
  asked.length = 0
  network.online = true
  begin({ token: 't', expires_in: 1, user_info: { user_id: 9 } } as never)
})

function writing() {
  const done: unknown[] = []
  return { done, write: useWrite(() => 'meal:7', (answer) => done.push(answer)) }
}

const kept = () => [...shelf.keys()].filter((name) => name.includes('attempt:'))

describe('a write', () => {
  test('is on the shelf before it is sent and leaves it when it is done', async () => {
    const { write, done } = writing()
    const sent = write.submit(WRITE)
    expect(kept()).toEqual(['9:attempt:meal:7'])
    expect(JSON.parse(shelf.get('9:attempt:meal:7')!).key).toBe(key(0))
    asked[0]!.success({ statusCode: 200, data: { success: true, data: 'placed' } })
    await sent
    expect([done, kept(), write.trouble.value]).toEqual([['placed'], [], undefined])
  })

  test('without an answer is uncertain, and a retry carries its key', async () => {
    const { write, done } = writing()
    const sent = write.submit(WRITE)
    asked[0]!.fail()
    await sent
    expect([write.uncertain.value, write.trouble.value?.fate, kept().length]).toEqual([true, 'unknown', 1])
    expect(asked.length).toBe(1)
    write.retry()
    expect([key(1), asked[1]!.data]).toEqual([key(0), asked[0]!.data])
    asked[1]!.success({ statusCode: 200, data: { success: true, data: 'placed' } })
    await vi.waitFor(() => expect(done).toEqual(['placed']))
    expect([kept(), write.uncertain.value]).toEqual([[], false])
  })

  test('that was uncertain stays so while retries do not get through', async () => {
    const { write } = writing()
    const sent = write.submit(WRITE)
    asked[0]!.fail()
    await sent
    network.online = false
    write.retry()
    await vi.waitFor(() => expect(write.trouble.value?.code).toBe('OFFLINE'))
    expect([write.uncertain.value, kept().length, asked.length]).toEqual([true, 1, 1])
    network.online = true
    write.retry()
    asked[1]!.success(refusal('SERVICE_UNAVAILABLE', 503))
    await vi.waitFor(() => expect(write.trouble.value?.code).toBe('SERVICE_UNAVAILABLE'))
    expect([write.uncertain.value, kept().length, key(1)]).toEqual([true, 1, key(0)])
    write.retry()
    asked[2]!.success(refusal('CAPACITY_EXCEEDED'))
    await vi.waitFor(() => expect(write.trouble.value?.code).toBe('CAPACITY_EXCEEDED'))
    expect([write.uncertain.value, kept(), write.pending.value]).toEqual([false, [], undefined])
  })

  test('that was refused is over: the next one has a key of its own', async () => {
    const { write } = writing()
    const sent = write.submit(WRITE)
    asked[0]!.success(refusal('CAPACITY_EXCEEDED'))
    await sent
    expect([write.trouble.value?.fate, kept(), write.pending.value]).toEqual(['refused', [], undefined])
    void write.submit(WRITE)
    expect(key(1)).not.toBe(key(0))
    expect(write.trouble.value).toBeUndefined()
  })

  test('that was not sent may be sent again under its key, and is not kept for another day', async () => {
    const { write } = writing()
    network.online = false
    await write.submit(WRITE)
    expect([write.trouble.value?.fate, write.uncertain.value, kept(), asked.length]).toEqual(['undone', false, [], 0])
    const first = write.pending.value!.key
    network.online = true
    write.retry()
    expect(key(0)).toBe(first)
    expect(kept().length).toBe(1)
  })

  test('is found again after the app was killed, by the same member only', async () => {
    const before = writing()
    void before.write.submit(WRITE)
    const after = writing()
    after.write.resume()
    expect([after.write.uncertain.value, after.write.pending.value?.key]).toEqual([true, key(0)])
    after.write.letGo()
    expect([after.write.uncertain.value, kept()]).toEqual([false, []])

    void writing().write.submit(WRITE)
    begin({ token: 'u', expires_in: 1, user_info: { user_id: 10 } } as never)
    const other = writing()
    other.write.resume()
    expect(other.write.pending.value).toBeUndefined()
  })

  test('is not sent twice by an impatient thumb', async () => {
    const { write } = writing()
    void write.submit(WRITE)
    void write.submit(WRITE)
    write.retry()
    expect(asked.length).toBe(1)
  })
})

test('a key is kept no longer than the server keeps it', () => {
  let now = 0
  const attempts = new Attempts(store, 'x:', () => now)
  attempts.keep(attempts.begin('meal:1', WRITE))
  now = 22 * 3_600_000
  expect(attempts.open('meal:1')).toBeDefined()
  expect(attempts.all().length).toBe(1)
  now = 24 * 3_600_000
  expect([attempts.open('meal:1'), shelf.size]).toEqual([undefined, expect.any(Number)])
  expect(attempts.all()).toEqual([])
})

test('a shelf that holds nonsense is as good as empty', () => {
  store.put('x:meal:1', '{nonsense')
  expect(new Attempts(store, 'x:', () => 0).open('meal:1')).toBeUndefined()
})

describe('what a failure means', () => {
  test.each([
    [400, 'CAPACITY_EXCEEDED', 'refused'],
    [422, 'VALIDATION_ERROR', 'refused'],
    [403, 'PERMISSION_DENIED', 'refused'],
    [401, 'INVALID_TOKEN', 'signed_out'],
    [409, 'CONCURRENCY_ERROR', 'undone'],
    [429, 'RATE_LIMITED', 'undone'],
    [408, 'REQUEST_TIMEOUT', 'undone'],
    [503, 'SERVICE_UNAVAILABLE', 'undone'],
    [502, 'PROVIDER_ERROR', 'undone'],
    [503, 'OUTCOME_UNKNOWN', 'unknown'],
    [500, 'INTERNAL_ERROR', 'unknown'],
  ])('%d %s: %s', (status, code, fate) => expect(asTrouble(new ApiError(status, code as never, 'm', {}, 'r')).fate).toBe(fate))

  test('a proxy’s page proves nothing', async () => {
    const { write } = writing()
    const sent = write.submit(WRITE)
    asked[0]!.success({ statusCode: 502, data: '<html>Bad Gateway</html>' })
    await sent
    expect([write.trouble.value?.fate, write.trouble.value?.said, write.uncertain.value]).toEqual(['unknown', '', true])
  })
})
