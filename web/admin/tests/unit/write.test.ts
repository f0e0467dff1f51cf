import { expect, test } from 'vitest'

import { ApiError } from '@/api'
import { useWrite } from '@/lib/write'

const refused = new ApiError(400, 'CAPACITY_EXCEEDED', '只剩 1 份', {}, 'r')
const lost = new ApiError(0, 'NO_ANSWER', '没有回答', {}, '')

function scripted(...outcomes: (ApiError | string)[]) {
  const keys: string[] = []
  const write = useWrite((_: { amount: number }, { key }: { key: string }) => {
    keys.push(key)
    const outcome = outcomes.shift()!
    return outcome instanceof ApiError ? Promise.reject(outcome) : Promise.resolve(outcome)
  })
  return { write, keys }
}

test('while the outcome is not known the same is asked under the same key', async () => {
  const { write, keys } = scripted(lost, lost, 'done', 'done')
  expect(await write.run({ amount: 1 })).toBeUndefined()
  expect(write.failure.value).toBe(lost)
  await write.run({ amount: 1 })
  expect(await write.run({ amount: 1 })).toEqual({ data: 'done' })
  expect(write.failure.value).toBeUndefined()
  await write.run({ amount: 1 })
  expect(new Set(keys.slice(0, 3)).size).toBe(1)
  expect(keys[3]).not.toBe(keys[0])
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/)
})

test('something else, and what was refused, get a new key', async () => {
  const { write, keys } = scripted(lost, refused, refused)
  await write.run({ amount: 1 })
  await write.run({ amount: 2 })
  await write.run({ amount: 2 })
  expect(new Set(keys).size).toBe(3)
})

test('a second click while the first is on its way does nothing', async () => {
  const { write, keys } = scripted('done', 'done')
  await Promise.all([write.run({ amount: 1 }), write.run({ amount: 1 })])
  expect(keys.length).toBe(1)
})
