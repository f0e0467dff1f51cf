// Money is counted in whole cents; yuan exist on the screen only.

/** As `1,234.50`; with its sign where `signed`. */
export function yuan(cents: number, signed = false): string {
  const sign = cents < 0 ? '−' : signed && cents > 0 ? '+' : ''
  const whole = Math.trunc(Math.abs(cents) / 100)
  const rest = String(Math.abs(cents) % 100).padStart(2, '0')
  return `${sign}${grouped(whole)}.${rest}`
}

/** As `¥1,234.50`, and `−¥9.00` below zero. */
export function money(cents: number, signed = false): string {
  return yuan(cents, signed).replace(/\d/, '¥$&')
}

/** What somebody typed as yuan, in cents; nothing where it is no amount of money. */
export function cents(typed: string): number | undefined {
  const match = /^([+\-−]?)(\d{1,12})(?:[.。](\d{0,2}))?$/.exec(typed.trim().replace(/[,，¥￥\s]/g, ''))
  if (!match) return undefined
  const amount = Number(match[2]) * 100 + Number((match[3] ?? '').padEnd(2, '0'))
  return match[1] && match[1] !== '+' && amount !== 0 ? -amount : amount
}

export function grouped(whole: number): string {
  return String(whole).replace('-', '−').replace(/\B(?=(\d{3})+$)/g, ',')
}
