/** Money is integer cents from end to end; only the last step makes text of it. */
export function yuan(cents: number): string {
  const amount = Math.abs(cents)
  return `${cents < 0 ? '−' : ''}¥${grouped(Math.floor(amount / 100))}.${String(amount % 100).padStart(2, '0')}`
}

/** A count as people read it: `20,000`. */
export const grouped = (count: number) => String(count).replace(/\B(?=(\d{3})+$)/g, ',')

/** With its sign also where money comes in. */
export function signedYuan(cents: number): string {
  return cents > 0 ? `+${yuan(cents)}` : yuan(cents)
}

/** What a person typed as yuan, in cents; nothing where it is no amount. */
export function centsOf(text: string): number | undefined {
  const parts = /^(\d{1,7})(?:\.(\d{1,2}))?$/.exec(text.trim())
  return parts ? Number(parts[1]) * 100 + Number((parts[2] ?? '').padEnd(2, '0')) : undefined
}
