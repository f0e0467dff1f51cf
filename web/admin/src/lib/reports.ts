import type { Schemas } from '@/api'

/** What was sold on a day, whatever way. */
export function salesOf({ meals_cents, shop_cents, cabinets_cents }: Schemas['DayTotals']): number {
  return meals_cents + shop_cents + cabinets_cents
}
