import { expect, test } from 'vitest'

import { dishes, isEditable, type Meal, nextWindow, optionCounts, type Order, stands, stepsOf } from '@/lib/meals'

const meal = (status: Meal['status']) => ({ status }) as Meal
const order = (quantity: number, ...names: string[]) =>
  ({ quantity, selected_options: names.map((name, id) => ({ id, name, price_cents: 0 })), status: 'active' }) as unknown as Order

test('a meal offers the steps that its state allows, and no others', () => {
  expect(stepsOf(meal('draft'))).toEqual(['publish', 'cancel'])
  expect(stepsOf(meal('published'))).toEqual(['lock', 'cancel'])
  expect(stepsOf(meal('locked'))).toEqual(['complete', 'unlock', 'cancel'])
  for (const last of ['completed', 'canceled'] as const) {
    expect([stepsOf(meal(last)), isEditable(meal(last))]).toEqual([[], false])
  }
})

test('the kitchen sees portions, not orders', () => {
  expect(optionCounts([order(2, '加蛋'), order(3, '加饭', '加蛋'), order(1)])).toEqual([
    { name: '加蛋', portions: 5 },
    { name: '加饭', portions: 3 },
  ])
})

test('the same options are one dish, and its notes are counted in portions', () => {
  const noted = (quantity: number, notes: string, ...names: string[]) => ({ ...order(quantity, ...names), notes }) as Order
  expect(dishes([noted(1, '', '加蛋'), noted(2, '少辣'), noted(1, ' 少辣 '), noted(3, '', '加蛋')])).toEqual([
    { options: ['加蛋'], portions: 4, notes: [] },
    { options: [], portions: 3, notes: [{ text: '少辣', portions: 3 }] },
  ])
})

test.each([
  ['active', true],
  ['locked', true],
  ['completed', true],
  ['canceled', false],
  ['refunded', false],
] as const)('an order that is %s: %s', (status, is) => {
  expect(stands({ status } as Order)).toBe(is)
})

test('the pick-up time that most likely comes next', () => {
  expect(nextWindow([], 'dinner')).toEqual({ from: '17:30', to: '18:00' })
  expect(nextWindow([{ from: '11:30', to: '11:50' }], 'lunch')).toEqual({ from: '11:50', to: '12:10' })
  expect(nextWindow([{ from: '22:00', to: '23:30' }], 'dinner')).toEqual({ from: '23:30', to: '' })
  expect(nextWindow([{ from: '12:00', to: '' }], 'lunch')).toEqual({ from: '', to: '' })
})
