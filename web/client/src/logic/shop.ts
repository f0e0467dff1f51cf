import type { Schemas } from '@/api'

export type Product = Schemas['ProductAnswer']
export type Round = Schemas['RoundAnswer']
export type ShopOrder = Schemas['ShopOrderAnswer']
export type ShopStatus = Schemas['ShopStatus']

/** What a person has to know of a round; `soon` and `over` are open ones that sell nothing now. */
export type RoundFace = 'soon' | 'open' | 'over' | Exclude<Round['status'], 'open'>

export function roundFace(round: Round, now: number): RoundFace {
  if (round.status !== 'open') return round.status
  if (now < Date.parse(round.opens_at)) return 'soon'
  return now < Date.parse(round.closes_at) ? 'open' : 'over'
}

/** In percent; full only when it is. */
export function progressOf(round: Round): number {
  return round.status === 'drawn' ? 100 : Math.floor((100 * round.sold_shares) / round.total_shares)
}

/** The most that can be asked for at once; the server knows what this member has already. */
export function mostOf(left: number, limit: number | null | undefined): number {
  return Math.max(1, Math.min(1000, left, limit ?? 1000))
}

export interface Left {
  days: number
  hours: number
  minutes: number
  seconds: number
}

export function leftUntil(until: string, now: number): Left {
  const seconds = Math.max(0, Math.ceil((Date.parse(until) - now) / 1000))
  return { days: Math.floor(seconds / 86_400), hours: Math.floor(seconds / 3600) % 24, minutes: Math.floor(seconds / 60) % 60, seconds: seconds % 60 }
}

/** `3, 4, 5, 9` as `3–5, 9`. */
export function numbersText(numbers: number[], between: string): string {
  const sorted = [...numbers].sort((one, other) => one - other)
  const runs: [number, number][] = []
  for (const number of sorted) {
    const last = runs[runs.length - 1]
    if (last && number === last[1] + 1) last[1] = number
    else runs.push([number, number])
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(between)
}

/** Whether its owner may still call it off: unpaid, or paid for pieces that nobody has begun to prepare. */
export function mayCancel(order: ShopOrder): boolean {
  if (order.is_prize) return false
  return order.status === 'pending' || (order.status === 'paid' && !order.round_id && order.fulfillment_status === 'pending')
}

/** Where its money goes if it is called off: to WeChat where it came from there and is still whole. */
export function goesBackTo({ payments }: ShopOrder): 'wechat' | 'balance' {
  return payments?.some(({ status, refunded_cents }) => status === 'paid' && !refunded_cents) ? 'wechat' : 'balance'
}
