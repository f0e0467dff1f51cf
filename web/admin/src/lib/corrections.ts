import type { Schemas } from '@/api'
import type { Tone } from '@/components/Tag.vue'
import { corrections as texts } from '@/i18n/corrections'
import { type CabinetOrder, isByScore } from '@/lib/cabinets'
import { grouped, money, yuan } from '@/lib/money'

export type Correction = Schemas['CorrectionAnswer']
export type CorrectedOrder = Schemas['CorrectedOrder']

export const CORRECTION_TONES: Record<Correction['status'], Tone> = { waiting: 'warn', done: 'good', refused: 'plain' }

export const MOST_PIECES = 1_000

/** A product of an order while somebody says how many it really were. */
export interface Count {
  product_code: string
  name: string
  was: number
  typed: string
}

/** How many were typed; nothing where that is no number of pieces. */
export function countOf({ typed }: Pick<Count, 'typed'>): number | undefined {
  const text = typed.trim()
  return /^\d{1,4}$/.test(text) && Number(text) <= MOST_PIECES ? Number(text) : undefined
}

/** What is to be sent: only what differs; nothing while something is wrong, or the same as before. */
export function correctedItems(counts: Count[]): Schemas['CorrectedItem'][] | undefined {
  if (counts.some((count) => countOf(count) === undefined)) return undefined
  const changed = counts.filter((count) => countOf(count) !== count.was)
  return changed.length ? changed.map((count) => ({ product_code: count.product_code, quantity: countOf(count)! })) : undefined
}

/** What counts of an order now. */
export function itemsNow({ items, corrected_items }: Pick<CabinetOrder, 'items' | 'corrected_items'>): CabinetOrder['items'] {
  return corrected_items ?? items
}

/** What an order costs now. */
export function costOf(order: Pick<CabinetOrder, 'items' | 'corrected_items' | 'total_cents'>): number {
  if (!order.corrected_items) return order.total_cents
  return order.corrected_items.reduce((sum, { price_cents, quantity }) => sum + price_cents * quantity, 0)
}

/** What a correction does, in numbers, from a dry run of it. */
export function correctionSays({ correction, surcharge }: CorrectedOrder): string {
  const { willWait, movesNothing, withdraws, givesBack, givesBackAtWechat, lowersAtWechat, replaces, charges, chargesLater, chargesByMember } = texts.value
  const difference = correction.difference_cents
  if (correction.status === 'waiting') return willWait(yuan(difference, true))
  if (!surcharge) return difference ? withdraws : movesNothing
  const [amount, tickets] = [money(Math.abs(surcharge.total_cents)), grouped(Math.abs(surcharge.tickets))]
  const byScore = isByScore(surcharge)
  if (surcharge.total_cents < 0) return byScore ? givesBackAtWechat(amount) : givesBack(amount, tickets)
  if (byScore) return lowersAtWechat(amount)
  // What takes the place of something unpaid asks for more than the difference.
  if (surcharge.total_cents !== difference) return replaces(amount, tickets)
  if (surcharge.payment_status === 'paid') return charges(amount, tickets)
  return surcharge.unpaid_reason === 'pay_score_ended' ? chargesByMember(amount, tickets) : chargesLater(amount, tickets)
}
