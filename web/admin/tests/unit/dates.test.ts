import { expect, test } from 'vitest'

import { clock, dayIn, daysFrom, instantOf, monday, plusDays, plusMonths, weekday, weeksOf } from '@/lib/dates'

test('days move over months, years and leap days', () => {
  expect(plusDays('2026-02-28', 1)).toBe('2026-03-01')
  expect(plusDays('2028-02-28', 1)).toBe('2028-02-29')
  expect(plusDays('2026-01-01', -1)).toBe('2025-12-31')
  expect(plusMonths('2026-01', -1)).toBe('2025-12')
  expect(plusMonths('2026-11', 3)).toBe('2027-02')
})

test('weeks begin on Monday', () => {
  expect([weekday('2026-11-16'), weekday('2026-11-22')]).toEqual([1, 7])
  expect([monday('2026-11-16'), monday('2026-11-22')]).toEqual(['2026-11-16', '2026-11-16'])
  expect(daysFrom('2026-11-16', 7).at(-1)).toBe('2026-11-22')
  const weeks = weeksOf('2026-02')
  expect([weeks[0]![0], weeks.at(-1)![6]]).toEqual(['2026-01-26', '2026-03-01'])
  expect(weeksOf('2026-12').every((week) => week.length === 7 && weekday(week[0]!) === 1)).toBe(true)
})

test('a moment is shown as the wall of the house shows it', () => {
  const moment = '2026-01-31T16:30:05Z'
  expect(dayIn('Asia/Shanghai', new Date(moment))).toBe('2026-02-01')
  expect(clock('Asia/Shanghai', moment)).toBe('2026-02-01 00:30')
  expect(clock('America/New_York', moment, true)).toBe('2026-01-31 11:30:05')
})

test.each([
  ['Asia/Shanghai', '2026-02-01', '00:30', '2026-01-31T16:30:00.000Z'],
  ['UTC', '2026-02-01', '23:59', '2026-02-01T23:59:00.000Z'],
  ['Europe/Berlin', '2026-03-29', '12:00', '2026-03-29T10:00:00.000Z'],
  ['Europe/Berlin', '2026-10-25', '01:00', '2026-10-24T23:00:00.000Z'],
])('in %s, %s %s is %s', (zone, day, time, instant) => {
  expect(instantOf(zone, day, time)).toBe(instant)
  expect(clock(zone, instant)).toBe(`${day} ${time}`)
})
