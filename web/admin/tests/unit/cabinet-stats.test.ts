import { expect, test } from 'vitest'

import { choose } from '@/i18n'
import { lasted, ranked, type Sale, success, wholeDay } from '@/lib/cabinetStats'

const sale = (id: number, total_cents: number): Sale => ({ id, name: String(id), count: 1, total_cents, paid_cents: 0 })

test('how long something took is said in its two largest units', async () => {
  await choose('zh')
  expect([0, 59_999, 60_000, 3_599_999, 3_600_000, 5_430_000, 86_400_000, 2 * 86_400_000 + 3_600_000].map(lasted)).toEqual(['0 秒', '59 秒', '1 分钟', '59 分钟', '1 小时', '1 小时 30 分', '1 天', '2 天 1 小时'])
  expect(lasted(null)).toBe('—')
})

test('a day has all of its hours, and what sold most comes first', () => {
  const day = wholeDay([sale(8, 600)])
  expect([day.length, day[8]!.total_cents, day[9]]).toEqual([24, 600, { id: 9, name: '09:00', count: 0, total_cents: 0, paid_cents: 0 }])
  expect(ranked([sale(3, 100), sale(2, 500), sale(1, 100), sale(4, -100)]).map(({ id }) => id)).toEqual([2, 1, 3, 4])
})

test('what a correction has replaced was neither paid nor not', () => {
  expect(success({ orders: 10, paid_at_once: 6, paid_later: 1, unpaid: 2, withdrawn: 1 })).toEqual({ paid: 7, of: 9 })
})
