import { expect, test } from 'vitest'

import { cents, grouped, money, yuan } from '@/lib/money'

test.each([
  [0, '0.00'],
  [5, '0.05'],
  [123456, '1,234.56'],
  [-100, '−1.00'],
  [-5, '−0.05'],
  [100000000, '1,000,000.00'],
  [9007199254740991, '90,071,992,547,409.91'],
])('%i cents are shown as %s', (amount, shown) => {
  expect(yuan(amount)).toBe(shown)
})

test('a change shows its sign', () => {
  expect([yuan(5, true), yuan(0, true), yuan(-5, true)]).toEqual(['+0.05', '0.00', '−0.05'])
})

test('the sign stands before what is signed', () => {
  expect([money(900), money(-900), money(0), money(-123_456), money(5, true), money(-5, true)]).toEqual(['¥9.00', '−¥9.00', '¥0.00', '−¥1,234.56', '+¥0.05', '−¥0.05'])
})

test('what is counted has its thousands and its sign', () => {
  expect([grouped(0), grouped(999), grouped(1_500), grouped(-1_500), grouped(-1)]).toEqual(['0', '999', '1,500', '−1,500', '−1'])
})

test.each([
  ['12', 1200],
  ['12.5', 1250],
  ['12.50', 1250],
  [' 1,234.56 ', 123456],
  ['¥ 8', 800],
  ['-3.20', -320],
  ['−3.20', -320],
  ['+3', 300],
  ['0', 0],
  ['-0', 0],
  ['0.29', 29],
  ['19.99', 1999],
  ['8。5', 850],
])('%j is %i cents', (typed, amount) => {
  expect(cents(typed)).toBe(amount)
})

test.each(['', '.', '1.234', '1e3', 'abc', '--1', '12.3.4', '9999999999999'])('%j is no amount', (typed) => {
  expect(cents(typed)).toBeUndefined()
})
