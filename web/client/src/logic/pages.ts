/** The rows of a list that grows page by page. A row that slid onto the next page meanwhile is shown once. */
export function joined<T>(rows: T[], more: T[], id: (row: T) => number | string): T[] {
  const known = new Set(rows.map(id))
  return [...rows, ...more.filter((row) => !known.has(id(row)))]
}

export interface Range {
  from?: string
  to?: string
}

/** The calendar month of a date, or the one before it. */
export function monthRange(date: string, before = 0): Range {
  const months = Number(date.slice(0, 4)) * 12 + Number(date.slice(5, 7)) - 1 - before
  const day = (count: number, of: number) => new Date(Date.UTC(Math.floor(count / 12), count % 12, of)).toISOString().slice(0, 10)
  return { from: day(months, 1), to: day(months + 1, 0) }
}
