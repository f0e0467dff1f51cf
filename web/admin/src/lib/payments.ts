import type { Schemas } from '@/api'
import type { Tone } from '@/components/Tag.vue'
import { payments as texts } from '@/i18n/payments'
import { at } from '@/lib/house'
import { grouped, money } from '@/lib/money'
import { nicknameOf } from '@/lib/shop'

type Exception = Schemas['ExceptionRow']
export type Action = Schemas['ExceptionAction']

export const TOPUP_TONES: Record<Schemas['TopupStatus'], Tone> = {
  pending: 'calm', paid: 'good', expired: 'off', failed: 'bad', refunding: 'warn', refunded: 'off',
}
export const REFUND_TONES: Record<Schemas['RefundState'], Tone> = {
  asked: 'calm', processing: 'calm', succeeded: 'good', abnormal: 'bad', returned: 'plain',
}

/** How much of a top-up can still go back; nothing of one that was not paid, or while a refund is on its way. */
export function refundable({ status, amount_cents, refunded_cents }: Schemas['TopupAnswer']): number {
  return status === 'paid' ? amount_cents - refunded_cents : 0
}

/** What can be done about an exception, what is proposed first. */
export function actionsFor({ kind, proposed_action }: Exception): Action[] {
  const possible: Action[] = ['dismiss']
  // A mismatch that only the bill tells of is in the books already.
  if (kind === 'amount_mismatch' && proposed_action !== 'dismiss') possible.unshift('credit', 'refund_to_origin')
  if (kind === 'unknown_order') possible.push('credit', 'refund_to_origin')
  // Of pay score, only what was paid can go somewhere.
  if (kind === 'pay_score_mismatch' && proposed_action === 'refund_to_origin') possible.unshift('credit', 'refund_to_origin')
  if (kind === 'refund_abnormal') possible.unshift('return_to_balance', 'retry')
  if (kind === 'unknown_refund' && proposed_action === 'record') possible.unshift('record')
  if (kind === 'not_in_bill' && proposed_action === 'take_back') possible.unshift('take_back')
  if (kind === 'delivery_failed') possible.unshift('retry')
  if (kind === 'unknown_goods' || kind === 'price_mismatch' || kind === 'amount_over_limit') possible.unshift('charge')
  return possible.sort((a, b) => Number(b === proposed_action) - Number(a === proposed_action))
}

type Settled = Schemas['SettledException']

/** What an action does, in the numbers of its dry run. */
export function consequenceOf(action: Action, { kind, moved }: Pick<Settled, 'kind' | 'moved'>): string {
  const says = texts.value.actionSays
  switch (action) {
    case 'charge':
      return chargeSays(moved)
    case 'credit':
    case 'refund_to_origin':
    case 'return_to_balance':
    case 'record':
    case 'take_back': {
      if (!moved || moved.to === 'cabinet') return ''
      const [amount, name] = [money(Math.abs(moved.amount_cents)), nicknameOf(moved.user_id)]
      return action === 'credit' && ENTERED.has(kind) ? says.enter(amount, name) : says[action](amount, name)
    }
    case 'dismiss':
      if (RELEASING.has(kind)) return says.release()
      return NOTED.has(kind) ? says.note() : says.dismiss()
    case 'retry':
      return says.retry()
  }
}

/** What has no top-up yet. */
const ENTERED = new Set<Exception['kind']>(['unknown_order', 'pay_score_mismatch'])
/** Where a member waits to be let go. */
const RELEASING = new Set<Exception['kind']>(['unknown_goods', 'price_mismatch', 'amount_over_limit', 'settlement_missing'])
/** What happened stays as it is. */
const NOTED = new Set<Exception['kind']>(['delivery_failed', 'settlement_conflict', 'callback_mismatch', 'cabinet_alarm', 'pay_score_mismatch', 'stock_negative'])

function chargeSays(moved: Settled['moved']): string {
  const { chargeNothing, charge, chargeUnpaid } = texts.value.actionSays
  if (moved?.to !== 'cabinet') return chargeNothing()
  const { total_cents, tickets, unpaid_reason, user_id } = moved.order
  const told = [money(total_cents), grouped(tickets), nicknameOf(user_id)] as const
  return unpaid_reason ? chargeUnpaid[unpaid_reason](...told) : charge(...told)
}

/** What was taken that the planogram did not have. */
export function unknownGoods({ evidence }: Exception): string[] {
  const { unknown } = flat(evidence)
  return Array.isArray(unknown) ? unknown.map(String) : []
}

export interface Evidence {
  name: string
  label: string
  value: string
  bad?: boolean
}

/** What says the same in other words. */
const UNTOLD = new Set(['topup_id', 'refund_id', 'message_id', 'receipt', 'session_id', 'settled_by_this_number', 'event_id'])
/** Two that should be equal. */
const PAIRS = [
  ['paid_cents', 'asked_cents'],
  ['bill_cents', 'books_cents'],
  ['wechat', 'amount_cents'],
  ['theirs_cents', 'ours_cents'],
] as const

/** What was found, one line each, as people read it; with the difference where two amounts should be equal. */
export function evidenceOf({ kind, evidence }: Exception): Evidence[] {
  const found = flat(evidence)
  // Where the amounts differ, WeChat's words are an amount.
  const isMoney = (name: string) => name.endsWith('_cents') || name === 'refunded' || (name === 'wechat' && kind === 'refund_mismatch')
  const told: Evidence[] = []
  for (const [name, value] of Object.entries(found)) {
    if (UNTOLD.has(name) || value === null || value === undefined) continue
    if (name === 'refunded' && value === 0) continue
    if (name === 'vendor_cents' && found.theirs_cents !== undefined) continue
    const label = texts.value.evidence[name] ?? name
    if (isMoney(name)) told.push({ name, label, value: money(Number(value)) })
    else if (name.endsWith('_at')) told.push({ name, label, value: at(String(value), true) })
    else if (name === 'goods' || name === 'second_goods') told.push({ name, label, value: goodsOf(value) })
    else if (name === 'unknown') told.push({ name, label, value: (value as string[]).join(' · '), bad: true })
    else if (name === 'topic') told.push({ name, label, value: texts.value.topics[String(value)] ?? String(value) })
    else if (name === 'source') told.push({ name, label, value: texts.value.sources[String(value)] ?? String(value) })
    else told.push({ name, label, value: typeof value === 'object' ? JSON.stringify(value) : String(value) })
  }
  for (const [theirs, ours] of PAIRS) {
    if (!isMoney(theirs) || found[theirs] === undefined || typeof found[ours] !== 'number') continue
    const by = Number(found[theirs]) - found[ours]
    if (by !== 0) told.push({ name: 'difference', label: texts.value.evidence.difference!, value: money(by, true), bad: true })
  }
  return told
}

interface Settlement {
  vendor_order_no: string
  amount: number
  goods: { code: string; quantity: number; price: number | null }[]
}

/** What lies deeper, a receipt, a settlement, what was found, is told like the rest. */
function flat(evidence: unknown): Record<string, unknown> {
  if (typeof evidence !== 'object' || evidence === null) return {}
  const { receipt, found, settlement, second, ...rest } = evidence as Record<string, unknown>
  return { ...rest, ...deeper(settlement, 'vendor_order_no', 'goods', 'vendor_cents'), ...deeper(second, 'second_order_no', 'second_goods', 'second_cents'), ...lines(found), ...lines(receipt) }
}

function lines(part: unknown): Record<string, unknown> {
  return typeof part === 'object' && part !== null ? (part as Record<string, unknown>) : {}
}

function deeper(settlement: unknown, ...[number, goods, cents]: [string, string, string]): Record<string, unknown> {
  if (typeof settlement !== 'object' || settlement === null) return {}
  const { vendor_order_no, amount, goods: taken } = settlement as Settlement
  return { [number]: vendor_order_no, [goods]: taken, [cents]: amount }
}

function goodsOf(goods: unknown): string {
  return (goods as Settlement['goods']).map(({ code, quantity, price }) => `${code} × ${quantity}${price === null ? '' : ` (${money(price)})`}`).join(' · ') || texts.value.nothingTaken
}

/** How far off a deadline is, to the greatest whole unit. */
export function deadline(due: string, now = Date.now()): { text: string; late: boolean } {
  const off = Date.parse(due) - now
  const minutes = Math.floor(Math.abs(off) / 60_000)
  const { days, hours, minutes: inMinutes, overdue, dueIn } = texts.value
  const time = minutes >= 48 * 60 ? days(Math.floor(minutes / 1440)) : minutes >= 60 ? hours(Math.floor(minutes / 60)) : inMinutes(minutes)
  return { text: off < 0 ? overdue(time) : dueIn(time), late: off < 0 }
}
