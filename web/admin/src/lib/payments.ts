import type { Schemas } from '@/api'
import type { Tone } from '@/components/Tag.vue'
import { payments as texts } from '@/i18n/payments'
import { at } from '@/lib/house'
import { yuan } from '@/lib/money'

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
  if (kind === 'refund_abnormal') possible.unshift('return_to_balance', 'retry')
  if (kind === 'delivery_failed') possible.unshift('retry')
  if (kind === 'unknown_goods' || kind === 'price_mismatch' || kind === 'amount_over_limit') possible.unshift('charge')
  return possible.sort((a, b) => Number(b === proposed_action) - Number(a === proposed_action))
}

/** What an action does, in numbers. */
export function consequenceOf(action: Action, { evidence }: Exception): string {
  const found = flat(evidence)
  if (action === 'credit' || action === 'refund_to_origin') return texts.value.actionSays[action](yuan(Number(found.paid_cents ?? 0)))
  if (action === 'return_to_balance') return texts.value.actionSays.return_to_balance(yuan(Number(found.amount_cents ?? 0)))
  return texts.value.actionSays[action]()
}

export interface Evidence {
  name: string
  label: string
  value: string
  bad?: boolean
}

/** What says the same in other words. */
const UNTOLD = new Set(['topup_id', 'refund_id', 'message_id', 'receipt'])
/** Two that should be equal. */
const PAIRS = [
  ['paid_cents', 'asked_cents'],
  ['bill_cents', 'books_cents'],
  ['wechat', 'amount_cents'],
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
    const label = texts.value.evidence[name] ?? name
    if (isMoney(name)) told.push({ name, label, value: `¥${yuan(Number(value))}` })
    else if (name.endsWith('_at')) told.push({ name, label, value: at(String(value), true) })
    else if (name === 'source') told.push({ name, label, value: texts.value.sources[String(value)] ?? String(value) })
    else told.push({ name, label, value: typeof value === 'object' ? JSON.stringify(value) : String(value) })
  }
  for (const [theirs, ours] of PAIRS) {
    if (!isMoney(theirs) || found[theirs] === undefined || typeof found[ours] !== 'number') continue
    const by = Number(found[theirs]) - found[ours]
    if (by !== 0) told.push({ name: 'difference', label: texts.value.evidence.difference!, value: `${by < 0 ? '−' : '+'}¥${yuan(Math.abs(by))}`, bad: true })
  }
  return told
}

/** A receipt's own lines are told like the others. */
function flat(evidence: unknown): Record<string, unknown> {
  if (typeof evidence !== 'object' || evidence === null) return {}
  const { receipt, ...rest } = evidence as Record<string, unknown>
  return { ...rest, ...(typeof receipt === 'object' && receipt !== null ? receipt : {}) }
}

/** How far off a deadline is, to the greatest whole unit. */
export function deadline(due: string, now = Date.now()): { text: string; late: boolean } {
  const off = Date.parse(due) - now
  const minutes = Math.floor(Math.abs(off) / 60_000)
  const { days, hours, minutes: inMinutes, overdue, dueIn } = texts.value
  const time = minutes >= 48 * 60 ? days(Math.floor(minutes / 1440)) : minutes >= 60 ? hours(Math.floor(minutes / 60)) : inMinutes(minutes)
  return { text: off < 0 ? overdue(time) : dueIn(time), late: off < 0 }
}
