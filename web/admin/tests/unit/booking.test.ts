import { afterEach, expect, test, vi } from 'vitest'

import { Booking, MOST_MEMBERS, MOST_ORDERS, outcomesOf, requestsOf } from '@/lib/booking'
import type { Meal } from '@/lib/meals'

const meal = (meal_id: number) => ({ meal_id, date: `2026-01-${String(meal_id).padStart(2, '0')}`, slot: 'lunch' }) as Meal
const people = (count: number) => new Set(Array.from({ length: count }, (_, at) => `u${at}`))

const told = vi.fn()
afterEach(() => {
  vi.unstubAllGlobals()
  told.mockReset()
})

test('what is more than a request may hold becomes several, and none has a meal twice', () => {
  const meals = Array.from({ length: MOST_ORDERS + 5 }, (_, at) => meal(at + 1))
  const picked = new Map(meals.map(({ meal_id }) => [meal_id, people(meal_id === 1 ? 2 * MOST_MEMBERS + 1 : 2)]))
  const requests = requestsOf(picked, meals)
  for (const orders of requests) {
    expect(orders.length).toBeLessThanOrEqual(MOST_ORDERS)
    expect(new Set(orders.map((order) => order.meal.meal_id)).size).toBe(orders.length)
    for (const { members } of orders) expect(members.length).toBeLessThanOrEqual(MOST_MEMBERS)
  }
  const sum = requests.flat().reduce((all, { members }) => all + members.length, 0)
  expect(sum).toBe(2 * MOST_MEMBERS + 1 + 2 * (meals.length - 1))
  expect(requestsOf(new Map(), meals)).toEqual([])
})

test('an answer is brought together with what was asked', () => {
  const orders = [1, 2].map((id) => ({ meal: meal(id), members: ['u1', 'u2'] }))
  const booked = { orderId: '7', date: '2026-01-02', mealType: 'lunch' as const, memberCount: 2, totalAmount: 36.1, status: 'pending' as const }
  const errors = [{ orderIndex: 1, date: '2026-01-01', mealType: 'lunch', error: '订单 1: 容量不足' }]
  expect(outcomesOf(orders, { orders: [booked], errors })).toMatchObject([{ error: '容量不足', amountCents: 0 }, { amountCents: 3610 }])
})

test('a part whose outcome is not known is sent again under its key, and the others are not sent again', async () => {
  const sent: { key: string; dates: string[] }[] = []
  const answers: (() => Response)[] = []
  vi.stubGlobal('fetch', (_url: string, { headers, body }: { headers: Record<string, string>; body: string }) => {
    const { orders } = JSON.parse(body) as { orders: { date: string }[] }
    sent.push({ key: headers['Idempotency-Key']!, dates: orders.map(({ date }) => date) })
    return Promise.resolve().then(answers.shift()!)
  })
  const done = (date: string) => () => Response.json({ success: true, message: '', data: { orders: [{ date, mealType: 'lunch', totalAmount: 15 }], errors: [] } })
  const lost = () => {
    throw new TypeError('lost')
  }
  const booking = new Booking([[{ meal: meal(1), members: ['u1'] }], [{ meal: meal(2), members: ['u1'] }]], { remark: '' })
  answers.push(done('2026-01-01'), lost)
  await booking.send(told)
  expect(booking.failure?.isUnknown).toBe(true)
  expect(booking.outcomes.map(({ amountCents, unknown }) => [amountCents, unknown])).toEqual([[1500, undefined], [0, true]])
  answers.push(done('2026-01-02'))
  await booking.send(told)
  expect(booking.outcomes.map(({ amountCents }) => amountCents)).toEqual([1500, 1500])
  expect(sent.map(({ dates }) => dates[0])).toEqual(['2026-01-01', '2026-01-02', '2026-01-02'])
  expect(sent[1]!.key).toBe(sent[2]!.key)
  expect(sent[0]!.key).not.toBe(sent[1]!.key)
  expect(told.mock.calls).toEqual([[1], [2]])
})

test('stopped, it ends with what is on its way, says what was not sent, and goes on from there', async () => {
  const sent: string[] = []
  vi.stubGlobal('fetch', (_url: string, { body }: { body: string }) => {
    const { date } = (JSON.parse(body) as { orders: { date: string }[] }).orders[0]!
    sent.push(date)
    return Promise.resolve(Response.json({ success: true, message: '', data: { orders: [{ date, mealType: 'lunch', totalAmount: 15 }], errors: [] } }))
  })
  const booking = new Booking([1, 2, 3].map((id) => [{ meal: meal(id), members: ['u1', 'u2'] }]), { remark: '' })
  await booking.send((portions) => portions === 2 && booking.stop())
  expect([sent.length, booking.outcomes.map(({ unsent }) => !!unsent)]).toEqual([1, [false, true, true]])
  await booking.send(told)
  expect(sent).toEqual(['2026-01-01', '2026-01-02', '2026-01-03'])
  expect([told.mock.calls, booking.outcomes.some(({ unsent }) => unsent)]).toEqual([[[4], [6]], false])
})

test('where nothing can be booked, the refusal holds the reasons', async () => {
  const errors = [{ orderIndex: 1, date: '2026-01-01', mealType: 'lunch', error: 'Order 1: no menu' }]
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json({ success: false, message: 'nothing', error_code: 'BUSINESS_RULE_ERROR', details: { orders: [], errors }, request_id: 'r' }, { status: 400 })))
  const booking = new Booking([[{ meal: meal(1), members: ['u1'] }]], { remark: '' })
  await booking.send(told)
  expect(booking.failure).toBeUndefined()
  expect(booking.outcomes).toMatchObject([{ error: 'no menu' }])
})
