// Dates are `YYYY-MM-DD` in the zone of the house; instants are RFC 3339 in UTC. A date is moved as text, so that no clock that
// is put forward or back can make it another one.

const DAY_MS = 86_400_000

export type Day = string

/** Of a moment, as the wall of the house shows it. */
export function dayIn(zone: string, moment: Date): Day {
  const parts = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' })
  return parts.format(moment)
}

export function plusDays(day: Day, days: number): Day {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10)
}

/** 1 for Monday to 7 for Sunday. */
export function weekday(day: Day): number {
  return ((new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7) + 1
}

export function monday(day: Day): Day {
  return plusDays(day, 1 - weekday(day))
}

export function daysFrom(first: Day, count: number): Day[] {
  return Array.from({ length: count }, (_, at) => plusDays(first, at))
}

/** Whole weeks, Monday to Sunday, that hold all days of a month (`YYYY-MM`). */
export function weeksOf(month: string): Day[][] {
  const weeks: Day[][] = []
  for (let first = monday(`${month}-01`); first.slice(0, 7) <= month; first = plusDays(first, 7)) {
    weeks.push(daysFrom(first, 7))
  }
  return weeks
}

export function plusMonths(month: string, months: number): string {
  const [year, number] = month.split('-').map(Number) as [number, number]
  const moved = new Date(Date.UTC(year, number - 1 + months, 1))
  return moved.toISOString().slice(0, 7)
}

/** As `2026-01-31 08:05`, on the wall of the house. */
export function clock(zone: string, instant: string, seconds = false): string {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hour: '2-digit',
    minute: '2-digit',
    ...(seconds ? { second: '2-digit' } : {}),
  } as Intl.DateTimeFormatOptions)
  const moment = new Date(instant)
  return `${dayIn(zone, moment)} ${parts.format(moment)}`
}

/** The moment at which the wall of the house shows this day and time, as `2026-01-31` and `08:05`. */
export function instantOf(zone: string, day: Day, time: string): string {
  const wanted = Date.parse(`${day}T${time}:00Z`)
  // Twice, for the days on which the clocks change.
  let moment = wanted
  for (let turn = 0; turn < 2; turn += 1) {
    const shown = Date.parse(`${clock(zone, new Date(moment).toISOString()).replace(' ', 'T')}:00Z`)
    moment += wanted - shown
  }
  return new Date(moment).toISOString()
}
