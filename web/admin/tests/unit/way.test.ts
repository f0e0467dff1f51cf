import { expect, test } from 'vitest'

import { onward } from '@/lib/way'

test.each([
  ['/members?status=disabled', '/members?status=disabled'],
  ['//elsewhere.example', '/'],
  ['/\\elsewhere.example', '/'],
  ['https://elsewhere.example', '/'],
  [['/a', '/b'], '/'],
  [undefined, '/'],
])('%j leads to %s', (asked, to) => {
  expect(onward(asked)).toBe(to)
})
