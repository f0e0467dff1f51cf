import type { Schemas } from '@/api'
import { cabinetStats as texts } from '@/i18n/cabinetStats'

export type Sale = Schemas['Sale']
export type SalesBy = Schemas['SalesBy']

export const SALES_BY: SalesBy[] = ['store', 'device', 'product', 'hour']
/** The server answers for no more at a time. */
export const MOST_DAYS = 92

/** How long something took, in its two largest units; a dash where nothing was measured. */
export function lasted(ms: number | null): string {
  if (ms === null) return '—'
  const { seconds, minutes, hours, days } = texts.value
  const all = Math.floor(ms / 60_000)
  if (all < 1) return seconds(Math.floor(ms / 1_000))
  if (all < 60) return minutes(all)
  return all < 24 * 60 ? hours(Math.floor(all / 60), all % 60) : days(Math.floor(all / 1440), Math.floor((all % 1440) / 60))
}

/** Every hour of the day, also those in which nothing was sold. */
export function wholeDay(sales: Sale[]): Sale[] {
  const found = new Map(sales.map((sale) => [sale.id, sale]))
  return Array.from({ length: 24 }, (_, id) => found.get(id) ?? { id, name: `${String(id).padStart(2, '0')}:00`, count: 0, total_cents: 0, paid_cents: 0 })
}

/** What sold most comes first. */
export function ranked(sales: Sale[]): Sale[] {
  return [...sales].sort((a, b) => b.total_cents - a.total_cents || a.id - b.id)
}

/** How many are paid, of those that nothing has taken the place of. */
export function success({ orders, withdrawn, unpaid }: Schemas['PaymentStats']): { paid: number; of: number } {
  return { paid: orders - withdrawn - unpaid, of: orders - withdrawn }
}
