import { expect, test } from 'vitest'

import { changes } from '@/lib/changes'

test('only what differs is told, money as money', () => {
  const before = { title: '面', base_price_cents: 800, options: [{ id: 1 }], capacity: 30, status: 'draft' }
  const after = { title: '面', base_price_cents: 900, options: [{ id: 1 }], capacity: 40, status: 'published' }
  expect(changes(before, after)).toEqual([
    { field: 'base_price_cents', from: '¥8.00', to: '¥9.00' },
    { field: 'capacity', from: '30', to: '40' },
    { field: 'status', from: 'draft', to: 'published' },
  ])
})

test('what was made or taken away is told in full', () => {
  expect(changes(null, { name: '研发部' })).toEqual([{ field: 'name', from: '—', to: '研发部' }])
  expect(changes({ name: '研发部' }, undefined)).toEqual([{ field: 'name', from: '研发部', to: '—' }])
  expect(changes(null, null)).toEqual([])
})

test('what is in a cabinet is told line by line', () => {
  const cola = { code: 'COLA', price: 300, stock: 4, product: 1 }
  expect(changes([cola], [{ ...cola, stock: 9 }, { ...cola, code: 'RICE' }])).toEqual([
    { field: 'COLA', from: '¥3.00 × 4', to: '¥3.00 × 9' },
    { field: 'RICE', from: '—', to: '¥3.00 × 4' },
  ])
})
