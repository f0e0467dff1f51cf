import { expect, test } from 'vitest'

import { choose } from '@/i18n'
import { nameOf, scheduleOf, took } from '@/lib/jobs'

test('a schedule is read aloud in the largest whole unit', async () => {
  await choose('zh')
  const every = (every_secs: number) => scheduleOf({ every_secs, daily_at: null })
  expect([every(15), every(90), every(300), every(7200)]).toEqual(['每 15 秒', '每 90 秒', '每 5 分钟', '每 2 小时'])
  expect(scheduleOf({ every_secs: null, daily_at: '03:30' })).toBe('每天 03:30')
  expect(scheduleOf({ every_secs: null, daily_at: null })).toBe('仅手动')
})

test('a job that is not known goes by its own name', () => {
  expect([nameOf('order-compensation'), nameOf('brand-new')]).toEqual(['充值补偿', 'brand-new'])
  expect([took(null), took(12), took(1500)]).toEqual(['—', '12 ms', '1.5 s'])
})
