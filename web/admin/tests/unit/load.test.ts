import { expect, test } from 'vitest'
import { effectScope } from 'vue'

import { ApiError } from '@/api'
import { useLoad } from '@/lib/load'

const refused = new ApiError(503, 'SERVICE_UNAVAILABLE', '忙', {}, 'r')

test('only the newest reading counts, whichever answers first', async () => {
  const answers: ((value: string) => void)[] = []
  const { data, loading, load } = useLoad((_signal, _: string) => new Promise<string>((resolve) => answers.push(resolve)))
  const [first, second] = [load('a'), load('b')]
  answers[1]!('b')
  await second
  expect([data.value, loading.value]).toEqual(['b', false])
  answers[0]!('a')
  await first
  expect(data.value).toBe('b')
})

test('what was there stays when it cannot be read again, and the next try forgets the failure', async () => {
  const outcomes: (string | ApiError)[] = ['old', refused, 'new']
  const { data, failure, load, again } = useLoad((_signal, _: number) => {
    const outcome = outcomes.shift()!
    return outcome instanceof ApiError ? Promise.reject(outcome) : Promise.resolve(outcome)
  })
  await load(1)
  await again()
  expect([data.value, failure.value]).toEqual(['old', refused])
  await again()
  expect([data.value, failure.value]).toEqual(['new', undefined])
})

test('whoever leaves the page stops what it was reading', () => {
  let seen: AbortSignal | undefined
  const scope = effectScope()
  scope.run(() => {
    const { load } = useLoad((signal) => {
      seen = signal
      return new Promise(() => {})
    })
    void load()
  })
  scope.stop()
  expect(seen?.aborted).toBe(true)
})
