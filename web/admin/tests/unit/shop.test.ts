import { createHash } from 'node:crypto'

import { expect, test } from 'vitest'

import type { Schemas } from '@/api'
import { type ShopOrder, stepsOf, verify } from '@/lib/shop'

const order = (more: Partial<ShopOrder>) => ({ status: 'paid', fulfillment_status: 'pending', address: null, ...more }) as ShopOrder

test('an order goes on over any step, and is fetched or shipped, not both', () => {
  expect(stepsOf(order({}))).toEqual(['preparing', 'ready', 'completed'])
  expect(stepsOf(order({ address: 'somewhere' }))).toEqual(['preparing', 'shipped', 'completed'])
  expect(stepsOf(order({ fulfillment_status: 'ready' }))).toEqual(['completed'])
  expect(stepsOf(order({ fulfillment_status: 'completed' }))).toEqual([])
  expect(stepsOf(order({ fulfillment_status: 'not_needed' }))).toEqual([])
  expect(stepsOf(order({ status: 'refunded' }))).toEqual([])
})

function proof(): Schemas['Proof'] {
  const secret = Buffer.alloc(32, 7)
  const shares = [1, 2, 3].map((number) => ({ number, order_no: `SHOP${number}` }))
  const lines = shares.map(({ number, order_no }) => `${number}:${order_no}\n`).join('')
  const digest = createHash('sha256').update(secret).update(lines).digest('hex')
  return {
    round_id: 1, status: 'drawn', total_shares: 3, secret: secret.toString('hex'), commitment: createHash('sha256').update(secret).digest('hex'),
    winning_number: Number(BigInt(`0x${digest}`) % 3n) + 1, winning_order_no: null, shares,
  }
}

test('a proof holds only where secret, shares and winner belong together', async () => {
  const good = proof()
  expect(await verify(good)).toBe(true)
  expect(await verify({ ...good, shares: [...good.shares].reverse() })).toBe(true)
  expect(await verify({ ...good, winning_number: (good.winning_number! % 3) + 1 })).toBe(false)
  expect(await verify({ ...good, secret: Buffer.alloc(32, 8).toString('hex') })).toBe(false)
  expect(await verify({ ...good, shares: good.shares.slice(1) })).toBe(false)
  expect(await verify({ ...good, secret: null })).toBeUndefined()
})
