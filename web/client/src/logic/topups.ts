import type { Schemas } from '@/api'

export type Topup = Schemas['TopupAnswer']
export type PayableTopup = Schemas['PayableTopup']
export type PayClient = Schemas['PayClient']
export type Limits = Schemas['TopupPage']['limits']

const AMOUNTS = [2_000, 5_000, 10_000, 20_000, 50_000, 100_000]

/** What is offered to tap: round amounts within the limits, or the limits themselves where none is. */
export function amountsOf({ min_cents, max_cents }: Limits): number[] {
  const fitting = AMOUNTS.filter((cents) => cents >= min_cents && cents <= max_cents)
  return fitting.length ? fitting : [...new Set([min_cents, max_cents])]
}

/** How something can be paid, as the server said it. */
export interface Way {
  client: PayClient
  pay_params?: PayableTopup['pay_params']
  code_url?: string | null
  h5_url?: string | null
  at: number
}

/** WeChat keeps the address of an H5 payment for five minutes. */
const H5_LIFETIME = 4 * 60_000

export function wayOf(answer: PayableTopup, now: number): Way | undefined {
  const { client, pay_params, code_url, h5_url } = answer
  return pay_params || code_url || h5_url ? { client, pay_params, code_url, h5_url, at: now } : undefined
}

export function stillGood(way: Way | undefined, now: number): Way | undefined {
  return way && (!way.h5_url || now - way.at < H5_LIFETIME) ? way : undefined
}

/** A top-up, or something that is bought. */
export interface Payable {
  status: string
  expires_at?: string | null
}

/**
 * What a person has to know of what they pay at WeChat:
 *  - `to_pay`: it waits for them.
 *  - `checking`: they have been to WeChat, and WeChat is being asked.
 *  - `longer`: they have been there, and WeChat does not say that it is paid.
 *  - `ending`: its time is over, and WeChat has not been heard yet.
 *  - otherwise what the server says of it.
 */
export type PayFace<T extends Payable> = 'to_pay' | 'checking' | 'longer' | 'ending' | Exclude<T['status'], 'pending'>

export function payFace<T extends Payable>(found: T, now: number, wasThere: boolean, looks: number): PayFace<T> {
  if (found.status !== 'pending') return found.status as Exclude<T['status'], 'pending'>
  if (found.expires_at && Date.parse(found.expires_at) <= now) return 'ending'
  if (!wasThere) return 'to_pay'
  return looks < SOON.length ? 'checking' : 'longer'
}

/** After coming back, WeChat is asked at once and then ever less often. */
const SOON = [0, 2_000, 4_000, 8_000]

/** When what is waited for is looked at next, and whether WeChat is asked then, or only our server. */
export function nextLook(face: string, looks: number): { after: number; asks: boolean } | undefined {
  if (face === 'checking') return { after: SOON[looks]!, asks: true }
  // Now and then WeChat itself, in case its notification is lost.
  if (face === 'to_pay') return { after: 3_000, asks: looks % 5 === 4 }
  if (face === 'longer') return { after: 10_000, asks: looks % 3 === 0 }
  return face === 'ending' ? { after: looks ? 10_000 : 0, asks: true } : undefined
}

/** Minutes and seconds that are left, `M:SS`. */
export function timeLeft(until: string, now: number): string {
  const seconds = Math.max(0, Math.ceil((new Date(until).getTime() - now) / 1000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
