// The simulated WeChat's own page, where a person plays the world outside.

import { expect, test } from 'vitest'

import { call, open, shoot, tokenOf } from './browser'
import { member, statusOf, topup, until } from './house'
import { wechat } from './server'

test('whoever plays WeChat pays, loses or delays the news, pays too much, and closes', async () => {
  const li = await member('lina')
  const ways = ['支付 Pay', '支付但丢失回调 Pay, lose the callback', '支付，回调晚到 Pay, delay the callback', '付错金额 Wrong amount', '关闭 Close']
  const [paid, lost, late, wrong, closed] = (await Promise.all(ways.map(() => topup(li, 1_000)))) as [string, string, string, string, string]
  const page = await open('/sim/', { at: wechat })
  const row = (order_no: string) => page.locator('#orders').getByRole('row').filter({ hasText: order_no })
  for (const [at, order_no] of [paid, lost, late, wrong, closed].entries()) {
    await row(order_no).getByRole('button', { name: ways[at]!, exact: true }).click()
    await row(order_no).filter({ hasText: order_no === closed ? 'CLOSED' : 'PAID' }).waitFor()
  }
  await shoot(page, 'simulator-1440-light')

  await until(async () => (await statusOf(paid)) === 'paid')
  expect([await statusOf(lost), await statusOf(late)]).toEqual(['pending', 'pending'])
  await call(li.token, 'POST', `/api/v1/recharge/orders/${lost}/query`)
  expect(await statusOf(lost)).toBe('paid')
  const admin = await tokenOf('admin')
  const parked = async () => (await call<{ exceptions: { kind: string; subject: string }[] }>(admin, 'GET', '/api/v1/admin/exceptions')).exceptions
  await until(async () => (await parked()).some(({ kind, subject }) => kind === 'amount_mismatch' && subject === wrong))
  expect(await statusOf(wrong)).toBe('pending')
})
