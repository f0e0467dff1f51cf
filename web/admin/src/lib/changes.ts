import { money } from './money'

export interface Change {
  field: string
  from: string
  to: string
}

/** The fields that differ between two states of a thing; all of them where there was nothing before, or is nothing after. */
export function changes(before: unknown, after: unknown): Change[] {
  const [from, to] = [flat(before), flat(after)]
  const fields = [...new Set([...Object.keys(from), ...Object.keys(to)])]
  return fields
    .filter((field) => JSON.stringify(from[field]) !== JSON.stringify(to[field]))
    .map((field) => ({ field, from: shown(field, from[field]), to: shown(field, to[field]) }))
}

function flat(state: unknown): Record<string, unknown> {
  // What is in a cabinet is told line by line.
  if (Array.isArray(state)) return Object.fromEntries(state.map(({ code, price, stock }: { code: string; price: number; stock: number }) => [code, `${money(price)} × ${stock}`]))
  return typeof state === 'object' && state !== null ? (state as Record<string, unknown>) : {}
}

function shown(field: string, value: unknown): string {
  if (value === undefined || value === null) return '—'
  if (typeof value === 'number' && /(_cents|balance|total|price|amount|refunded)$/.test(field)) return money(value)
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
