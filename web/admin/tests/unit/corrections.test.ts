import { expect, test } from 'vitest'

import { choose } from '@/i18n'
import { correctedItems, type CorrectedOrder, correctionSays, type Count, countOf, itemsNow } from '@/lib/corrections'

const cola: Count = { product_code: 'COLA', name: '可乐', was: 2, typed: '2' }
const rice: Count = { product_code: 'RICE', name: '米', was: 1, typed: '1' }

test('only what differs is sent, and nothing while something is no number of pieces', () => {
  expect(correctedItems([cola, rice])).toBeUndefined()
  expect(correctedItems([{ ...cola, typed: ' 1 ' }, rice])).toEqual([{ product_code: 'COLA', quantity: 1 }])
  expect(correctedItems([{ ...cola, typed: '0' }, { ...rice, typed: '3' }])).toEqual([{ product_code: 'COLA', quantity: 0 }, { product_code: 'RICE', quantity: 3 }])
  for (const typed of ['', '-1', '1.5', '1001', 'x', '一']) expect([countOf({ typed }), correctedItems([{ ...cola, typed }, { ...rice, typed: '2' }])]).toEqual([undefined, undefined])
  expect(countOf({ typed: '1000' })).toBe(1_000)
})

test('what counts is what was corrected, and before that what was settled', () => {
  const item = { product_code: 'COLA', product_id: 1, name_zh: '可乐', name_en: null, price_cents: 300, quantity: 2 }
  expect(itemsNow({ items: [item], corrected_items: null })).toEqual([item])
  expect(itemsNow({ items: [item], corrected_items: [] })).toEqual([])
})

test('what a correction does is said in numbers', async () => {
  await choose('zh')
  const said = (status: 'waiting' | 'done', difference_cents: number, surcharge: Partial<NonNullable<CorrectedOrder['surcharge']>> | null) =>
    correctionSays({ correction: { status, difference_cents }, surcharge } as CorrectedOrder)
  expect(said('waiting', 10_000, null)).toContain('差额 +100.00 元')
  expect(said('done', 0, null)).toBe('金额不变，不扣也不退。')
  expect(said('done', -600, null)).toBe('没付的这一笔作废，不收款。')
  expect(said('done', -300, { total_cents: -300, tickets: -1_500, payment_status: 'paid' })).toBe('退还 ¥3.00（1,500 张礼票）。')
  expect(said('done', 300, { total_cents: 300, tickets: 1_500, payment_status: 'paid' })).toBe('补扣 ¥3.00（1,500 张礼票）。')
  expect(said('done', 300, { total_cents: 300, tickets: 1_500, payment_status: 'unpaid' })).toContain('付清之前打不开柜门')
  expect(said('done', -300, { total_cents: 300, tickets: 1_500, payment_status: 'unpaid' })).toBe('没付的这一笔作废，改为收 ¥3.00（1,500 张礼票）。')
  const scored = { payment_type: 'wechat', payment_status: 'unpaid', tickets: 1_500 } as const
  expect(said('done', -300, { ...scored, total_cents: -300, payment_status: 'paid' })).toBe('微信原路退还 ¥3.00。')
  expect(said('done', -300, { ...scored, total_cents: 600, unpaid_reason: 'pay_score_collecting' })).toBe('请微信改为收 ¥6.00。')
  expect(said('done', 300, { ...scored, total_cents: 300, unpaid_reason: 'pay_score_ended' })).toContain('支付分不能追加')
})
