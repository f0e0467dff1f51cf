/** Dates are texts, `YYYY-MM-DD`. They are counted in UTC so that no zone and no summer time moves them. */
const DAY = 86_400_000

const two = (number: number) => String(number).padStart(2, '0')
const millis = (date: string) => Date.UTC(Number(date.slice(0, 4)), Number(date.slice(5, 7)) - 1, Number(date.slice(8, 10)))

export function dayOf(moment: Date): string {
  return `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`
}

export const today = () => dayOf(new Date())

export function plusDays(date: string, days: number): string {
  return new Date(millis(date) + days * DAY).toISOString().slice(0, 10)
}

/** 0 is Monday. */
export function weekday(date: string): number {
  return (new Date(millis(date)).getUTCDay() + 6) % 7
}

/** The seven days around a date, from Monday on. */
export function weekOf(date: string): string[] {
  const monday = plusDays(date, -weekday(date))
  return Array.from({ length: 7 }, (_, at) => plusDays(monday, at))
}

export const monthOf = (date: string) => Number(date.slice(5, 7))
export const dayOfMonth = (date: string) => Number(date.slice(8, 10))

/** An instant as this device's clock shows it: `HH:MM`. */
export function clock(instant: string): string {
  const moment = new Date(instant)
  return `${two(moment.getHours())}:${two(moment.getMinutes())}`
}
