import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { house, phone, usePhone } from '../frame'
import { shoot } from '../phone'
import { LONG } from '../till'
import { allowScore, atVendor, Cabinet, giveTickets, lastSession, sessions, stranger } from '../vendor'

usePhone()

const START = '/v3/payscore/serviceorder'

let cabinet: Cabinet
beforeEach(async () => {
  cabinet = await Cabinet.put(house)
})
afterEach(async () => {
  await house.wechat('DELETE', '/sim/faults')
  await house.wechat('POST', '/sim/settings', { lose_notifications: false, refuse_assessment: false, deduction_fails: false })
})

const go = (page: Page) => page.locator('.cabinet-go')
const way = (page: Page, name: string) => page.locator('.cabinet-way', { hasText: name })
const title = (page: Page, text: string) => page.locator('.opening-title', { hasText: text })
const notice = (page: Page, text: string) => page.locator('.cabinet-notice .notice', { hasText: text })
const fact = (page: Page, name: string, text: string) => page.locator('.fact', { hasText: name }).filter({ hasText: text })
const ready = (page: Page) => page.locator('.cabinet-go:not([aria-disabled])').waitFor(LONG)
const checked = (page: Page) => page.locator('.cabinet-way[aria-checked="true"] .cabinet-way-title').innerText()
const opens = () => house.asked.filter(({ what }) => what === 'POST /api/v1/cabinet/sessions')

/** Somebody who was never here, before the cabinet. */
async function arrive({ tickets = 0, allows = true }): Promise<{ page: Page; token: string; name: string }> {
  const name = stranger()
  const page = await phone.signIn(name)
  const token = await phone.token(page)
  if (tickets) await giveTickets(house, token, tickets)
  if (allows) await allowScore(house, name, true)
  await phone.visit(page, `/#/pages/cabinet/index?device=${cabinet.code}`)
  await page.locator('.cabinet-way').first().waitFor(LONG)
  return { page, token, name }
}
/** As far as the door that the vendor was asked for. */
async function open(page: Page, token: string): Promise<string> {
  await ready(page)
  await go(page).tap()
  await title(page, '正在请微信确认').waitFor(LONG)
  const session = await lastSession(house, token)
  await atVendor(house, session)
  return session
}
const ticketsOf = async (token: string) => (await house.call<{ tickets: number }>('POST', '/api/v1/cabinet/scan', { qr: `fanpiao:cabinet:${cabinet.code}` }, token)).tickets

test('not allowed yet: it is said how, allowed in WeChat, and what was taken is collected while other doors stay shut', async () => {
  const { page, token, name } = await arrive({ tickets: 20_000, allows: false })
  await way(page, '微信支付分').filter({ hasText: '还没有授权' }).waitFor(LONG)
  expect(await checked(page)).toBe('礼票')
  await shoot(page, 'cabinet-ways')
  await way(page, '微信支付分').tap()
  await page.locator('.cabinet-allow', { hasText: '在微信里做' }).waitFor()
  await shoot(page, 'cabinet-not-allowed')
  await page.locator('.cabinet-allow-go').tap()
  await page.locator('.cabinet-allow').waitFor()
  await allowScore(house, name, true)
  await page.locator('.cabinet-allow-go').tap()
  await page.locator('.toast', { hasText: '已授权' }).waitFor(LONG)
  await page.locator('.after', { hasText: '关门后微信按取走的扣款' }).waitFor()

  await house.wechat('POST', '/sim/settings', { deduction_fails: true })
  const session = await open(page, token)
  await shoot(page, 'opening-asking')
  await cabinet.door(session, 'opened')
  await title(page, '门已打开').waitFor(LONG)
  await cabinet.door(session, 'closed')
  await cabinet.settle(session, { MILK: 2 })
  await title(page, '微信正在扣款').waitFor(LONG)
  await page.locator('.opening-cost', { hasText: '¥12.00' }).waitFor()
  await shoot(page, 'opening-collecting')

  await phone.visit(page, `/#/pages/cabinet/index?device=${cabinet.code}`)
  await notice(page, '上一笔正在扣款').waitFor(LONG)
  expect(await go(page).getAttribute('aria-disabled')).toBe('true')
  await shoot(page, 'cabinet-collecting')
  await notice(page, '上一笔正在扣款').locator('.button').tap()
  await page.locator('.paying-title', { hasText: '扣款中' }).waitFor(LONG)
  expect(await page.locator('.foot').count()).toBe(0)
  await shoot(page, 'cabinet-order-collecting')
  await house.wechat('POST', `/sim/service-orders/${session}/pay`)
  await page.locator('.paying-title', { hasText: '已付款' }).waitFor(LONG)
  await fact(page, '付款方式', '微信支付分').waitFor()
  await shoot(page, 'cabinet-order-collected')
  expect(await ticketsOf(token)).toBe(20_000)

  await page.goBack()
  await ready(page)
  expect(await checked(page)).toBe('微信支付分')
  await page.locator('.cabinet-orders-entry').tap()
  await page.locator('.card.past', { hasText: '¥12.00 · 微信支付分' }).filter({ hasText: '已付款' }).waitFor(LONG)
})

test('without tickets pay score is the way; collected by itself, and seen without a tap', async () => {
  const { page, token } = await arrive({})
  await way(page, '礼票').filter({ hasText: '开门至少要 2,500 张，现在有 0 张' }).waitFor()
  expect(await way(page, '礼票').getAttribute('aria-disabled')).toBe('true')
  expect(await checked(page)).toBe('微信支付分')
  await shoot(page, 'cabinet-only-score')
  const session = await open(page, token)
  await cabinet.trip(session, { MILK: 1 })
  await title(page, '结算好了').waitFor(LONG)
  await page.locator('.opening-text', { hasText: '微信支付分已经收款' }).waitFor()
  await shoot(page, 'opening-collected')
})

test('nothing was taken: nothing is charged', async () => {
  const { page, token } = await arrive({})
  await cabinet.trip(await open(page, token), {})
  await title(page, '没有取走商品').waitFor(LONG)
  await page.locator('.opening-text', { hasText: '没有扣款' }).waitFor()
})

test('WeChat refuses: the door stays shut, nothing is charged, and tickets open it', async () => {
  await house.wechat('POST', '/sim/settings', { refuse_assessment: true })
  const { page, token } = await arrive({ tickets: 20_000 })
  await way(page, '微信支付分').tap()
  await ready(page)
  await go(page).tap()
  await title(page, '微信没有同意这次支付分').waitFor(LONG)
  await page.locator('.opening-text', { hasText: '没有扣款' }).waitFor()
  await shoot(page, 'opening-refused')
  await page.locator('.foot .button', { hasText: '再开一次' }).tap()
  await way(page, '礼票').tap()
  await ready(page)
  await go(page).tap()
  await title(page, '正在开门').waitFor(LONG)
  await cabinet.trip(await lastSession(house, token), { MILK: 1 })
  await title(page, '结算好了').waitFor(LONG)
  expect(await ticketsOf(token)).toBe(17_000)
})

test('our answer is lost: the same key, and one order at WeChat', async () => {
  const { page, token } = await arrive({})
  await ready(page)
  house.after = (asked) => (asked.method === 'POST' && asked.url === '/api/v1/cabinet/sessions' ? 'lose' : undefined)
  await go(page).tap()
  await page.locator('.foot-notice', { hasText: '可能已经成功，也可能没有' }).waitFor(LONG)
  house.after = () => {}
  await page.locator('.foot-notice .button', { hasText: '重试' }).tap()
  await title(page, '正在请微信确认').waitFor(LONG)
  expect([opens().length, new Set(opens().map(({ key }) => key)).size]).toEqual([2, 1])
  expect((await sessions(house, token)).length).toBe(1)
})

test('WeChat’s answer is lost: it is waited for, and the door opens after all', async () => {
  const { page, token } = await arrive({})
  await house.wechat('POST', '/sim/settings', { lose_notifications: true })
  await house.wechat('POST', '/sim/faults', { kind: 'drop_after', path: START, method: 'POST', times: 1 })
  await ready(page)
  await go(page).tap()
  await title(page, '还在等微信和柜机').waitFor(LONG)
  await shoot(page, 'opening-asking-slow')
  const session = await lastSession(house, token)
  await atVendor(house, session)
  await cabinet.door(session, 'opened')
  await title(page, '门已打开').waitFor(LONG)
})

test('WeChat cannot say whether it is allowed: that is said, and opening asks again', async () => {
  const { page, token } = await arrive({})
  await house.wechat('POST', '/sim/faults', { kind: 'bad_gateway', path: '/v3/payscore/permissions', times: 1 })
  await phone.visit(page, `/#/pages/cabinet/index?device=${cabinet.code}`)
  await way(page, '微信支付分').filter({ hasText: '暂时没能问到微信' }).waitFor(LONG)
  await open(page, token)
})

test('taken back in WeChat meanwhile: no door, nothing charged, and the way to allow it', async () => {
  const { page, name } = await arrive({})
  await ready(page)
  await allowScore(house, name, false)
  await go(page).tap()
  await page.locator('.foot-notice', { hasText: '没有扣款' }).waitFor(LONG)
  await page.locator('.cabinet-allow-go').waitFor(LONG)
  await shoot(page, 'cabinet-taken-back')
})

test('WeChat gives up: nothing is charged, and what was taken is paid in tickets', async () => {
  const { page, token } = await arrive({})
  const session = await open(page, token)
  await cabinet.door(session, 'opened')
  await title(page, '门已打开').waitFor(LONG)
  await house.wechat('POST', `/sim/service-orders/${session}/revoke`)
  await cabinet.door(session, 'closed')
  await cabinet.settle(session, { MILK: 1 })
  await title(page, '微信没有收款').waitFor(LONG)
  await page.locator('.opening-cost', { hasText: '3,000 张礼票' }).waitFor()
  await shoot(page, 'opening-uncollected')
  await giveTickets(house, token, 20_000)
  await page.locator('.foot .button', { hasText: '去支付' }).tap()
  await page.locator('.small', { hasText: '微信支付分没有收款' }).waitFor(LONG)
  await page.locator('.foot .button', { hasText: '付 3,000 张礼票' }).tap()
  await page.locator('.paying-title', { hasText: '已付款' }).waitFor(LONG)
  await fact(page, '付款方式', '礼票').waitFor()
})
