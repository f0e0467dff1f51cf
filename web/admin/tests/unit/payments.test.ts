import { expect, test } from 'vitest'

import type { Schemas } from '@/api'
import { choose } from '@/i18n'
import { actionsFor, consequenceOf, deadline, evidenceOf, refundable, unknownGoods } from '@/lib/payments'

function exception(more: Partial<Schemas['ExceptionRow']>): Schemas['ExceptionRow'] {
  return {
    exception_id: 1, kind: 'amount_mismatch', subject: 'RECH1', evidence: {}, proposed_action: 'credit', resolved: false, owner_id: null, owner_nickname: null,
    due_at: '2026-01-02T00:00:00Z', created_at: '2026-01-01T00:00:00Z', resolved_at: null, resolved_by: null, action: null, note: null, ...more,
  }
}
type Moved = Schemas['SettledException']['moved']
const toBalance = (amount_cents: number): Moved => ({ to: 'balance', user_id: 7, amount_cents, balance_cents: 100 })
const lines = (row: Schemas['ExceptionRow']) => Object.fromEntries(evidenceOf(row).map(({ name, value }) => [name, value]))

test('amounts that should be equal are told with their difference, and numbers of our own are not told', () => {
  const row = exception({ evidence: { order_no: 'RECH1', paid_cents: 19900, asked_cents: 20000, topup_id: 7, source: 'callback', currency: 'CNY' } })
  expect(lines(row)).toMatchObject({ paid_cents: '¥199.00', asked_cents: '¥200.00', difference: '−¥1.00', currency: 'CNY' })
  expect(lines(row)).not.toHaveProperty('topup_id')
})

test('what WeChat says is an amount only where the amounts differ', () => {
  const evidence = { refund_no: 'R1', amount_cents: 300, wechat: '250' }
  expect(lines(exception({ kind: 'refund_mismatch', evidence }))).toMatchObject({ wechat: '¥2.50', difference: '−¥0.50' })
  expect(lines(exception({ kind: 'refund_abnormal', evidence: { ...evidence, wechat: 'ABNORMAL' } }))).toEqual({ refund_no: 'R1', amount_cents: '¥3.00', wechat: 'ABNORMAL' })
})

test('a receipt is told line by line, and evidence of another shape is no trouble', () => {
  const row = exception({ kind: 'not_in_bill', evidence: { amount_cents: 100, receipt: { transaction_id: '42', refunded: 0 } } })
  expect(lines(row)).toEqual({ amount_cents: '¥1.00', transaction_id: '42' })
  expect(evidenceOf(exception({ evidence: null }))).toEqual([])
  expect(lines(exception({ evidence: { unheard: ['of'] } }))).toEqual({ unheard: '["of"]' })
})

test('a settlement is told as people say it, and a charge with its amount', async () => {
  await choose('zh')
  const settlement = { vendor_order_no: 'V1', amount: 700, goods: [{ code: 'COLA', quantity: 2, price: 350 }, { code: 'GUM', quantity: 1, price: null }] }
  const dear = exception({ kind: 'price_mismatch', proposed_action: 'charge', evidence: { session_id: 7, session_no: 'DOOR1', settlement, found: { ours_cents: 600, theirs_cents: 700 } } })
  expect(lines(dear)).toEqual({ session_no: 'DOOR1', vendor_order_no: 'V1', goods: 'COLA × 2 (¥3.50) · GUM × 1', ours_cents: '¥6.00', theirs_cents: '¥7.00', difference: '+¥1.00' })
  expect(actionsFor(dear)).toEqual(['charge', 'dismiss'])
  expect(consequenceOf('dismiss', { kind: 'price_mismatch' })).toContain('放行')
  const odd = exception({ kind: 'unknown_goods', evidence: { settlement: { ...settlement, goods: [] }, found: { unknown: ['GUM'] } } })
  expect(lines(odd)).toMatchObject({ unknown: 'GUM', goods: '什么都没有拿' })
  expect([unknownGoods(odd), unknownGoods(dear)]).toEqual([['GUM'], []])
  expect(lines(exception({ kind: 'settlement_missing', evidence: { session_no: 'DOOR1', settlement: null, opened_at: null } }))).toEqual({ session_no: 'DOOR1' })
})

test('what settling does is told in the numbers of the dry run', async () => {
  await choose('zh')
  const says = (action: Parameters<typeof consequenceOf>[0], moved?: Moved, kind: Schemas['ExceptionKind'] = 'amount_mismatch') => consequenceOf(action, { kind, moved })
  expect(says('credit', toBalance(19_900))).toBe('把微信实收的 ¥199.00 记入 #7 的余额，充值单金额改为实收。')
  expect(says('credit', toBalance(900), 'unknown_order')).toBe('补建充值单，把微信实收的 ¥9.00 记入 #7 的余额。')
  expect(says('credit', toBalance(900), 'pay_score_mismatch')).toContain('补建充值单')
  expect(says('take_back', toBalance(-1000))).toBe('微信没有收到的 ¥10.00 从 #7 的余额收回，充值单记为失败。')
  expect(says('record', toBalance(-400))).toContain('¥4.00')
  expect(says('return_to_balance', toBalance(400))).toContain('¥4.00')
  expect(says('refund_to_origin', { to: 'wechat', user_id: 7, amount_cents: 900, balance_cents: 100 })).toBe('把微信实收的 ¥9.00 记账后原路退回 #7，余额不变。')
  const charged = (unpaid_reason: Schemas['UnpaidReason'] | null) =>
    says('charge', { to: 'cabinet', order: { total_cents: 600, tickets: 3000, user_id: 7, unpaid_reason } as Schemas['CabinetOrderAnswer'], tickets_left: 0 }, 'price_mismatch')
  expect(charged(null)).toBe('按陈列里现在的价格是 ¥6.00，扣 #7 3,000 张礼票，并结算这次开门。')
  expect(charged('insufficient_tickets')).toContain('一张也不扣')
  expect(charged('pay_score_collecting')).toContain('由微信支付分向 #7 收取')
  expect(charged('pay_score_ended')).toContain('支付分已不能收取')
  expect(says('charge')).toContain('什么都没有拿')
  expect(says('retry')).toBe('马上再试一次。')
})

test('what can be done depends on the kind, and what is proposed comes first', () => {
  expect(actionsFor(exception({}))).toEqual(['credit', 'refund_to_origin', 'dismiss'])
  expect(actionsFor(exception({ proposed_action: 'dismiss' }))).toEqual(['dismiss'])
  expect(actionsFor(exception({ kind: 'refund_abnormal', proposed_action: 'return_to_balance' }))).toEqual(['return_to_balance', 'retry', 'dismiss'])
  expect(actionsFor(exception({ kind: 'unknown_refund', proposed_action: 'record' }))).toEqual(['record', 'dismiss'])
  expect(actionsFor(exception({ kind: 'not_in_bill', proposed_action: 'take_back' }))).toEqual(['take_back', 'dismiss'])
  expect(actionsFor(exception({ kind: 'delivery_failed', proposed_action: 'retry' }))).toEqual(['retry', 'dismiss'])
  const unknown = exception({ kind: 'unknown_order', proposed_action: 'dismiss', evidence: { paid_cents: 900 } })
  expect(actionsFor(unknown)).toEqual(['dismiss', 'credit', 'refund_to_origin'])
  expect(actionsFor(exception({ kind: 'pay_score_mismatch', proposed_action: 'refund_to_origin' }))).toEqual(['refund_to_origin', 'credit', 'dismiss'])
  expect(actionsFor(exception({ kind: 'pay_score_mismatch', proposed_action: 'dismiss' }))).toEqual(['dismiss'])
  expect(actionsFor(exception({ kind: 'paid_twice', proposed_action: 'dismiss' }))).toEqual(['dismiss'])
})

test('a deadline is told in its greatest whole unit', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  expect(deadline('2026-01-01T23:30:00Z', now)).toEqual({ text: expect.stringContaining('23'), late: false })
  expect(deadline('2026-01-04T01:00:00Z', now)).toEqual({ text: expect.stringContaining('3'), late: false })
  expect(deadline('2025-12-31T23:59:00Z', now)).toEqual({ text: expect.stringContaining('1'), late: true })
})

test('only a paid top-up can go back, as far as it has not', () => {
  const topup = { amount_cents: 1000, refunded_cents: 300 } as Schemas['TopupAnswer']
  expect(refundable({ ...topup, status: 'paid' })).toBe(700)
  expect(refundable({ ...topup, status: 'refunding' })).toBe(0)
})
