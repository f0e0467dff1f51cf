import { expect, test } from 'vitest'

import { idIn, isChanged, isOutdated, planogramOf, problemsOf, type Shelf, shelfOf, type Shelved, stockAfter, summaryOf } from '@/lib/cabinets'

const cola: Shelved = { product_code: 'COLA', product_id: 1, name_zh: '可乐', name_en: null, price_cents: 300, stock: 4 }
const rice: Shelved = { product_code: 'RICE', product_id: 2, name_zh: '米', name_en: null, price_cents: 5_000, stock: -2 }
const line = (was: Shelved | undefined, more: Partial<Shelf> = {}) => ({ ...shelfOf(was), ...more })

test('a number holds the id of what it is about, and nothing else is taken for one', () => {
  expect(idIn('MEAL2026030200000000011')).toBe(33)
  expect(idIn('DOOR202603027ZZZZZZZZZZ')).toBe(2 ** 53 - 1)
  expect(idIn('DOOR2026030240000000000')).toBe(2 ** 52)
  expect(['', 'DOOR20260302', 'DOOR20260302000000000111', 'DOOR202603020000000000U', 'DOOR二'].map(idIn)).toEqual(Array(5).fill(undefined))
})

test('what is put in comes on top of what is there by then; what somebody has counted counts', () => {
  const now = [{ ...cola, stock: 1 }, rice]
  const refilled = line(cola, { refill: '6' })
  expect([stockAfter(refilled), planogramOf([refilled], now)[0]!.stock]).toEqual([10, 7])
  expect(planogramOf([line(cola, { stock: '9', refill: '1' })], now)[0]!.stock).toBe(10)
  expect(planogramOf([line(cola, { code: 'COKE', refill: '2' })], now)[0]).toMatchObject({ product_code: 'COKE', stock: 3 })
  expect(planogramOf([line(rice, { refill: '5' })], now)[0]!.stock).toBe(3)
  expect(planogramOf([line(undefined, { product: 7, code: ' TEA ', price: 500, stock: '0', refill: '3' })], now)).toEqual([{ product_code: 'TEA', product_id: 7, price_cents: 500, stock: 3 }])
})

test('only what people have changed is in the way of saving; what was sold meanwhile is not', () => {
  expect(isOutdated([cola, rice], [{ ...cola, stock: 0 }, rice])).toBe(false)
  expect(isOutdated([cola, rice], [{ ...cola, price_cents: 350 }, rice])).toBe(true)
  expect(isOutdated([cola], [cola, rice])).toBe(true)
})

test('a line is told what is wrong with it, and what is only missing not before somebody saves', () => {
  const [one, two] = [line(cola), line(undefined, { code: 'COLA' })]
  expect(problemsOf(one, [one], false)).toEqual({})
  expect(Object.keys(problemsOf(two, [one, two], false))).toEqual(['code'])
  expect(Object.keys(problemsOf(line(undefined), [], true))).toEqual(['product', 'code', 'price'])
  for (const wrong of [{ stock: 'x' }, { stock: '-1' }, { refill: '-1' }, { stock: '9999', refill: '2' }, { stock: '' }]) expect(Object.keys(problemsOf(line(cola, wrong), [], false))).toEqual(['stock'])
  // Counted below zero, it has to be counted anew or filled up.
  expect(Object.keys(problemsOf(line(rice), [], false))).toEqual(['stock'])
  expect(problemsOf(line(rice, { refill: '2' }), [], false)).toEqual({})
  expect(Object.keys(problemsOf(line(cola, { isWrong: true }), [], false))).toEqual(['price'])
})

test('what will change is said in numbers', () => {
  const was = [cola, rice]
  expect(isChanged(was.map(shelfOf), was)).toBe(false)
  const now = [line(cola, { price: 350, refill: '6' }), line(undefined, { product: 7, code: 'TEA' })]
  expect(summaryOf(now, was)).toEqual({ products: 2, refilled: 6, priced: 1, counted: 0, added: 1, removed: 1 })
  expect([isChanged(now, was), isChanged([line(cola, { product: 9 }), line(rice)], was), isChanged([line(cola, { stock: '3' }), line(rice)], was)]).toEqual([true, true, true])
})
