import { describe, expect, test } from 'vitest'
import type { Meal } from '@/api'
import { bodyOf, choiceOf, fitting, mostOf, same, toggled } from '@/logic/choice'
import { plusDays, weekday, weekOf } from '@/logic/dates'
import { drawingOf, faceOf, mealAt, takesOrders } from '@/logic/meals'
import { centsOf, signedYuan, yuan } from '@/logic/money'
import { joined, monthRange } from '@/logic/pages'
import { en } from '@/words/en'
import { zh } from '@/words/zh'

const NOW = new Date('2026-03-02T03:00:00Z')
const meal = (part: Partial<Meal> = {}): Meal => ({
  meal_id: 1,
  date: '2026-03-02',
  slot: 'lunch',
  title: '红烧牛肉饭',
  description: '',
  base_price_cents: 1800,
  capacity: 40,
  ordered_quantity: 10,
  available_capacity: 30,
  status: 'published',
  options: [
    { id: 1, name: '加卤蛋', price_cents: 200 },
    { id: 2, name: '加饭', price_cents: 100 },
  ],
  orders_close_at: null,
  pickup_windows: ['11:30-12:00', '12:00-12:30'],
  created_at: '',
  updated_at: '',
  my_order: null,
  ...part,
})
const mine = (part = {}): Meal['my_order'] => ({
  order_id: 5,
  order_no: 'M5',
  quantity: 2,
  selected_options: [{ id: 2, name: '加饭', price_cents: 100 }],
  total_price_cents: 3800,
  notes: '少辣',
  status: 'active' as const,
  created_at: '',
  updated_at: '',
  ...part,
})

describe('money', () => {
  test.each([
    [0, '¥0.00'],
    [5, '¥0.05'],
    [1800, '¥18.00'],
    [123456789, '¥1,234,567.89'],
    [-1200, '−¥12.00'],
    [9_007_199_254_740_991, '¥90,071,992,547,409.91'],
  ])('%d cents are %s', (cents, text) => expect(yuan(cents)).toBe(text))

  test('a sign is shown where money comes in', () => {
    expect([signedYuan(100), signedYuan(-100), signedYuan(0)]).toEqual(['+¥1.00', '−¥1.00', '¥0.00'])
  })

  test.each([
    ['18', 1800],
    ['18.5', 1850],
    ['0.01', 1],
    [' 100.00 ', 10000],
    ['', undefined],
    ['1.234', undefined],
    ['-5', undefined],
    ['1e3', undefined],
  ])('typed %j is %s', (text, cents) => expect(centsOf(text)).toBe(cents))
})

describe('dates', () => {
  test('a week goes from Monday to Sunday, over a year’s end too', () => {
    expect(weekOf('2027-01-01')).toEqual(['2026-12-28', '2026-12-29', '2026-12-30', '2026-12-31', '2027-01-01', '2027-01-02', '2027-01-03'])
    expect([weekday('2026-03-02'), weekday('2026-03-08')]).toEqual([0, 6])
  })

  test('days are counted over February of a leap year', () => {
    expect([plusDays('2028-02-28', 1), plusDays('2028-03-01', -1)]).toEqual(['2028-02-29', '2028-02-29'])
  })

  test('a month has its own first and last day', () => {
    expect(monthRange('2026-12-15')).toEqual({ from: '2026-12-01', to: '2026-12-31' })
    expect(monthRange('2027-01-15', 1)).toEqual({ from: '2026-12-01', to: '2026-12-31' })
    expect(monthRange('2028-02-01')).toEqual({ from: '2028-02-01', to: '2028-02-29' })
  })
})

describe('a meal at a glance', () => {
  test.each<[string, Partial<Meal>]>([
    ['open', {}],
    ['few', { available_capacity: 5 }],
    ['sold_out', { available_capacity: 0 }],
    ['sold_out', { available_capacity: -2 }],
    ['closed', { orders_close_at: NOW.toISOString() }],
    ['open', { orders_close_at: '2026-03-02T03:00:01Z' }],
    ['locked', { status: 'locked' }],
    ['done', { status: 'completed' }],
    ['canceled', { status: 'canceled', my_order: mine() }],
    ['mine', { my_order: mine() }],
    ['mine', { my_order: mine({ status: 'completed' }), status: 'completed' }],
    ['mine', { my_order: mine(), available_capacity: 0 }],
  ])('%s', (face, part) => expect(faceOf(meal(part), NOW)).toBe(face))

  test('only a published meal before its deadline takes orders', () => {
    expect(takesOrders(meal(), NOW)).toBe(true)
    expect(takesOrders(meal({ status: 'locked' }), NOW)).toBe(false)
    expect(takesOrders(meal({ orders_close_at: '2026-03-02T02:59:59Z' }), NOW)).toBe(false)
  })

  test('a canceled meal gives way to the one that was made in its place', () => {
    const canceled = meal({ meal_id: 1, status: 'canceled' })
    const again = meal({ meal_id: 2 })
    expect(mealAt([canceled, again], '2026-03-02', 'lunch')).toBe(again)
    expect(mealAt([again, canceled], '2026-03-02', 'lunch')).toBe(again)
    expect(mealAt([canceled], '2026-03-02', 'lunch')).toBe(canceled)
    expect(mealAt([canceled], '2026-03-02', 'dinner')).toBeUndefined()
  })

  test.each([
    ['香菇鸡汤面', 'noodles'],
    ['面包和牛奶', 'bun'],
    ['清蒸鲈鱼', 'fish'],
    ['咖喱猪排饭', 'curry'],
    ['麻婆豆腐', 'soup'],
    ['宫保鸡丁套餐', 'stirfry'],
    ['红烧牛肉饭', 'rice'],
    [null, 'rice'],
  ])('%s is drawn as %s', (title, drawing) => expect(drawingOf(meal({ title }))).toBe(drawing))
})

describe('a choice', () => {
  test('begins with what was ordered', () => {
    expect(choiceOf(meal())).toEqual({ quantity: 1, options: [], notes: '', window: '' })
    expect(choiceOf(meal({ my_order: mine() }))).toEqual({ quantity: 2, options: [2], notes: '少辣', window: '' })
    expect(choiceOf(meal({ my_order: mine({ pickup_window: '12:00-12:30' }) })).window).toBe('12:00-12:30')
    // A window that the meal no longer has.
    expect(choiceOf(meal({ my_order: mine({ pickup_window: '10:00-10:30' }) })).window).toBe('')
  })

  test('keeps the meal’s order and loses what the meal no longer has', () => {
    const chosen = toggled(toggled(choiceOf(meal()), 2, meal()), 1, meal())
    expect(chosen.options).toEqual([1, 2])
    expect(toggled(chosen, 1, meal()).options).toEqual([2])
    expect(fitting(chosen, meal({ options: [{ id: 2, name: '加饭', price_cents: 100 }] })).options).toEqual([2])
  })

  test('sends ids and no prices', () => {
    expect(bodyOf({ quantity: 3, options: [1], notes: ' 少辣 ', window: '' })).toEqual({ quantity: 3, selected_options: [{ id: 1 }], notes: '少辣', pickup_window: null })
  })

  test('is the same only in all of its parts', () => {
    const one = { quantity: 1, options: [1, 2], notes: '', window: '' }
    expect(same(one, { ...one })).toBe(true)
    for (const part of [{ quantity: 2 }, { options: [1] }, { notes: 'x' }, { window: '11:30-12:00' }]) expect(same(one, { ...one, ...part })).toBe(false)
  })

  test('may have what is left and what is one’s own', () => {
    expect(mostOf(meal({ available_capacity: 3 }))).toBe(3)
    expect(mostOf(meal({ available_capacity: 3, my_order: mine() }))).toBe(5)
    expect(mostOf(meal({ available_capacity: -4 }))).toBe(1)
    expect(mostOf(meal({ available_capacity: 5000 }))).toBe(1000)
  })
})

test('a row that slid onto the next page is shown once', () => {
  const rows = joined([{ id: 3 }, { id: 2 }], [{ id: 2 }, { id: 1 }], ({ id }) => id)
  expect(rows.map(({ id }) => id)).toEqual([3, 2, 1])
})

test('both languages say everything, and say it differently', () => {
  const texts = (words: object): string[] =>
    Object.entries(words).flatMap(([name, word]) => (typeof word === 'object' ? texts(word as object).map((inner) => `${name}.${inner}`) : [name]))
  expect(texts(en)).toEqual(texts(zh))
})
