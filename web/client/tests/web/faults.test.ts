import { expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { house, phone, usePhone } from '../frame'

usePhone()

const button = (page: Page) => page.locator('.foot-row .button')
const notice = (page: Page) => page.locator('.foot-notice')
const retry = (page: Page) => notice(page).locator('.button', { hasText: '重试' })
const goTo = (page: Page, meal: number) => phone.visit(page, `/#/pages/meal/index?meal_id=${meal}`)
const orders = () => house.asked.filter(({ what }) => what === 'POST /api/v1/orders')
const isOrder = (asked: { method?: string; url?: string }) => asked.method === 'POST' && asked.url === '/api/v1/orders'

async function ready(page: Page, meal: number): Promise<void> {
  await goTo(page, meal)
  await page.locator('.foot-price', { hasText: '¥18.00' }).waitFor()
}

test('the server dies in the middle of an order: the retry has the same key, and it is charged once', async () => {
  const meal = await house.meal()
  const page = await phone.signIn('zhaolei')
  const token = await phone.token(page)
  const before = await house.standing(token, meal)
  await ready(page, meal)
  house.after = async (asked) => {
    if (!isOrder(asked)) return
    house.after = () => {}
    await house.kill()
    return 'lose'
  }
  await button(page).tap()
  await notice(page).filter({ hasText: '可能已经成功，也可能没有' }).waitFor()
  expect(orders().length).toBe(1)
  // While it is not known, nothing else can be done here.
  expect(await page.locator('.step.off').count()).toBe(2)
  await retry(page).tap()
  await notice(page).filter({ hasText: '没有收到答复' }).waitFor()
  await house.start()
  await retry(page).tap()
  await page.locator('.toast', { hasText: '下单成功' }).waitFor()

  expect(new Set(orders().map(({ key }) => key)).size).toBe(1)
  expect(orders().length).toBe(3)
  const after = await house.standing(token, meal)
  expect([after.balance, after.entries, after.order?.quantity]).toEqual([before.balance - 1800, before.entries + 1, 1])
})

test('an answer is lost and the app is killed: the next start asks, and it is charged once', async () => {
  const meal = await house.meal()
  let page = await phone.signIn('songxue')
  const token = await phone.token(page)
  const before = await house.standing(token, meal)
  await ready(page, meal)
  let gone = () => {}
  const lost = new Promise<void>((done) => (gone = done))
  house.after = async (asked) => {
    if (!isOrder(asked)) return
    house.after = () => {}
    gone()
    return 'lose'
  }
  await button(page).tap()
  await lost
  await page.close()

  page = await phone.page('/')
  await page.locator('.unsettled').tap()
  await notice(page).filter({ hasText: '不会重复扣款' }).waitFor()
  await retry(page).tap()
  await page.locator('.toast', { hasText: '下单成功' }).waitFor()
  expect(orders().map(({ key }) => key)).toEqual([orders()[0]!.key, orders()[0]!.key])
  expect((await house.standing(token, meal)).balance).toBe(before.balance - 1800)
  await phone.visit(page, '/#/')
  await page.locator('.meal-card').first().waitFor()
  expect(await page.locator('.unsettled').count()).toBe(0)
})

test('who does not want to ask sees what the server has', async () => {
  const meal = await house.meal()
  const page = await phone.signIn('zhoujie')
  await ready(page, meal)
  house.after = (asked) => (isOrder(asked) ? 'lose' : undefined)
  await button(page).tap()
  await notice(page).locator('.button', { hasText: '先不管它' }).tap()
  await page.locator('.pill', { hasText: '已订 1 份' }).waitFor()
  expect(orders().length).toBe(1)
})

test('offline is noticed, nothing is sent, and the retry works when the network is back', async () => {
  const meal = await house.meal()
  const page = await phone.signIn('wuxia')
  const token = await phone.token(page)
  const before = await house.standing(token, meal)
  await ready(page, meal)
  await phone.context.setOffline(true)
  await page.locator('.offline').waitFor()
  await button(page).tap()
  await notice(page).filter({ hasText: '请求没有发出，没有扣款' }).waitFor()
  expect(orders()).toEqual([])
  await phone.context.setOffline(false)
  await page.locator('.offline').waitFor({ state: 'detached' })
  await retry(page).tap()
  await page.locator('.toast', { hasText: '下单成功' }).waitFor()
  expect((await house.standing(token, meal)).balance).toBe(before.balance - 1800)
})

test('offline, what was seen before is still shown', async () => {
  const page = await phone.signIn('xugang')
  await page.locator('.meal-card').first().waitFor()
  const seen = await page.locator('.meal-title').allInnerTexts()
  await phone.context.setOffline(true)
  await page.locator('.offline').waitFor()
  await page.locator('.tab').last().tap()
  await page.locator('.notice', { hasText: '没有网络' }).waitFor()
  await page.locator('.tab').nth(0).tap()
  expect(await page.locator('.meal-title').allInnerTexts()).toEqual(seen)
  await phone.context.setOffline(false)
})

test('a slow answer: bones while it loads, and a word while it is sent', async () => {
  const meal = await house.meal()
  let go = () => {}
  const held = new Promise<void>((done) => (go = done))
  house.before = (asked) => (asked.url!.startsWith('/api/v1/meals?') ? held : undefined)
  const page = await phone.page(`/?code=sim-sunli-${Date.now()}`)
  await page.locator('.meal-bones').first().waitFor()
  expect(await page.locator('.meal-bones').count()).toBe(3)
  go()
  await page.locator('.meal-card').first().waitFor()

  await ready(page, meal)
  let answer = () => {}
  const waiting = new Promise<void>((done) => (answer = done))
  house.before = (asked) => (isOrder(asked) ? waiting : undefined)
  await button(page).tap()
  await page.locator('.foot-slow', { hasText: '还在等待答复' }).waitFor()
  await button(page).tap({ force: true })
  answer()
  await page.locator('.toast', { hasText: '下单成功' }).waitFor()
  expect(orders().length).toBe(1)
})

test('what cannot be loaded says so and is loaded again when asked', async () => {
  house.after = (asked) => (asked.url!.startsWith('/api/v1/meals?') ? 'lose' : undefined)
  const page = await phone.page(`/?code=sim-huming-${Date.now()}`)
  await page.locator('.notice', { hasText: '没有收到答复' }).waitFor()
  const before = house.asked.length
  await page.waitForTimeout(1_500)
  expect(house.asked.length).toBe(before)
  house.after = () => {}
  await page.locator('.notice .button', { hasText: '重试' }).tap()
  await page.locator('.meal-card').first().waitFor()
  expect(await page.locator('.notice').count()).toBe(0)
})

test('a session that ended leads to the sign-in and back to what was chosen', async () => {
  const meal = await house.meal()
  const page = await phone.signIn('zhuyan')
  const token = await phone.token(page)
  await ready(page, meal)
  await page.getByLabel('加一份').tap()
  await page.locator('.foot-price', { hasText: '¥36.00' }).waitFor()
  await house.call('POST', '/api/v1/auth/logout', {}, token)
  await button(page).tap()
  await page.locator('.door-ended').waitFor()
  await page.locator('.button', { hasText: '我有登录码' }).tap()
  await page.locator('.field input').fill(`sim-zhuyan-${Date.now()}`)
  await page.locator('.door-form .button', { hasText: '登录' }).first().tap()
  await page.locator('.foot-price', { hasText: '¥36.00' }).waitFor()
  await button(page).tap()
  await page.locator('.toast', { hasText: '下单成功' }).waitFor()
})
