import { expect, test } from 'vitest'

import { choose } from '@/i18n'
import { bySection, isAbout, labelOf, type Setting, stateOf, valueOf, variableOf } from '@/lib/settings'

const setting = (key: string, value: Setting['value'], more: Partial<Setting> = {}): Setting => ({ key, value, is_secret: false, is_set: value !== null, source: 'default', ...more })

test('a value is told with the unit of its key', async () => {
  await choose('zh')
  const told = (key: string, value: Setting['value']) => valueOf(setting(key, value))
  expect(told('server.request_timeout_secs', 30)).toBe('30 秒')
  expect(told('recharge.max_cents', 500_000)).toBe('¥5,000.00')
  expect(told('lanes.queue', 4096)).toBe('4,096')
  expect(told('reports.daily', false)).toBe('关')
  expect(told('house.zone', 'Asia/Shanghai')).toBe('Asia/Shanghai')
  expect(told('backup.folder', null)).toBe('未设置')
})

test('a secret is told as set or not', () => {
  expect(valueOf(setting('erp.secret', null, { is_secret: true, is_set: true }))).toBe('已设置')
  expect(valueOf(setting('erp.secret', null, { is_secret: true, is_set: false }))).toBe('未设置')
})

test('a setting is found by its name, its section, its key and its variable', () => {
  const zone = setting('house.zone', 'UTC')
  for (const words of ['时区', '单位 时区', 'house.zone', 'fanpiao_house__zone', '']) expect(isAbout(zone, words)).toBe(true)
  expect(isAbout(zone, '时区 微信')).toBe(false)
  expect(variableOf('alerts.mail_to')).toBe('FANPIAO_ALERTS__MAIL_TO')
})

test('sections keep their order, and what is new is called by its key', () => {
  const sections = bySection([setting('server.listen', 'x'), setting('server.new_one', 1), setting('later.one', 1), setting('alert_rules.forged', 5)])
  expect(sections.map(({ name, title, settings }) => [name, title, settings.length])).toEqual([['server', '服务器', 2], ['later', 'later', 1], ['alert_rules', '告警阈值', 1]])
  expect(labelOf('server.new_one')).toBe('server.new_one')
  expect(labelOf('alert_rules.forged')).toBe('不可信的回调')
})

test('a partner works where nothing fails', () => {
  const row = { partner: 'erp' as const, is_configured: true, heard_at: null, delivered: 0, failing: 0, error: null }
  expect(stateOf(row).text).toBe('已配置')
  expect(stateOf({ ...row, delivered: 2 })).toEqual({ tone: 'good', text: '正常' })
  expect(stateOf({ ...row, delivered: 2, failing: 1 }).tone).toBe('bad')
})
