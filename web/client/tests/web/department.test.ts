import { expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { house, phone, usePhone } from '../frame'
import { shoot } from '../phone'
import { bookedBy, LONG } from '../till'

usePhone()

const CREATE = 'POST /api/v1/subscriptions'
const BOOK = '/api/dining/enhanced/quick-batch-orders'

async function desk(): Promise<Page> {
  const page = await phone.page('/')
  await page.locator('.field input').first().fill('zhou.min')
  await page.locator('.field input').nth(1).fill(house.passwords.deptAdmin)
  await page.locator('.door-form .button', { hasText: '登录' }).first().tap()
  await page.locator('.tab').last().tap()
  await page.locator('.me-department').tap()
  await page.locator('.people').first().waitFor()
  return page
}

const person = (page: Page, name: string) => page.locator('.people').first().locator('.chip', { hasText: name })
/** The last day on which something is offered: nobody has ordered there. */
const meal = (page: Page, slot: string) => page.locator('.book-day').last().locator('.chip', { hasText: slot })
const button = (page: Page) => page.locator('.foot-row .button')

test('members are picked once, meals are ticked, and the price is said before', async () => {
  const page = await desk()
  await person(page, '张伟').tap()
  await person(page, '刘洋').tap()
  await meal(page, '早餐').tap()
  await meal(page, '午餐').tap()
  await page.locator('.foot-price', { hasText: '¥52.00' }).waitFor()
  await page.waitForTimeout(300)
  await shoot(page, 'department')
  await button(page).tap()
  await page.locator('.booked-title', { hasText: '2 餐已全部报好' }).waitFor()
  await page.waitForFunction(() => scrollY === 0)
  await page.waitForTimeout(300)
  await shoot(page, 'department-booked')

  // The same people are still picked; for the same meal they cannot be booked twice, and it says why before and after.
  await meal(page, '午餐').tap()
  await page.locator('.foot-warning', { hasText: '订单 1' }).waitFor()
  expect(await button(page).getAttribute('aria-disabled')).toBe('true')
  await meal(page, '晚餐').tap()
  await page.locator('.foot-price', { hasText: '¥44.00' }).waitFor()
  await button(page).tap()
  await page.locator('.booked-title', { hasText: '1 餐已报，1 餐没有报上' }).waitFor()
  await page.locator('.booked-failed', { hasText: '已经报餐' }).waitFor()
})

test('a lost answer: the retry has the same key, and everybody is booked once', async () => {
  const page = await desk()
  await person(page, '赵磊').tap()
  await meal(page, '午餐').tap()
  await page.locator('.foot-price', { hasText: '¥18.00' }).waitFor()
  house.asked.length = 0
  house.after = (asked) => {
    if (asked.method !== 'POST' || asked.url !== BOOK) return
    house.after = () => {}
    return 'lose'
  }
  await button(page).tap()
  await page.locator('.foot-notice', { hasText: '不会重复扣款' }).waitFor()
  await phone.visit(page, '/#/')
  await page.locator('.unsettled').tap()
  await page.locator('.foot-notice .button', { hasText: '重试' }).tap()
  await page.locator('.booked-title', { hasText: '1 餐已全部报好' }).waitFor()
  const keys = house.asked.filter(({ what }) => what === `POST ${BOOK}`).map(({ key }) => key)
  expect([keys.length, new Set(keys).size]).toEqual([2, 1])
})

test('a member who books for nobody has no such entry', async () => {
  const page = await phone.signIn('lina')
  await page.locator('.tab').last().tap()
  await page.locator('.figure-value').first().waitFor()
  expect(await page.locator('.me-department').count()).toBe(0)
})

test('a standing order for members: begun, the answer lost, one there is, and it says what came of it', async () => {
  const page = await desk()
  await page.locator('.me-entry', { hasText: '部门长期订餐' }).tap()
  await page.locator('.standing-people .chip').first().waitFor()
  expect(await page.locator('.standing-go').getAttribute('aria-disabled')).toBe('true')
  for (const name of ['张伟', '刘洋']) await page.locator('.standing-people .chip', { hasText: name }).tap()
  await page.locator('.segment', { hasText: '早餐' }).tap()
  for (const day of ['周六', '周日']) await page.getByLabel(day, { exact: true }).tap()
  await shoot(page, 'department-standing-new')
  house.asked.length = 0
  house.after = (asked) => {
    if (`${asked.method} ${asked.url}` !== CREATE) return
    house.after = () => {}
    return 'lose'
  }
  await page.locator('.standing-go').tap()
  await page.locator('.foot-notice', { hasText: '可能已经成功，也可能没有' }).waitFor(LONG)
  await phone.visit(page, '/#/')
  await page.locator('.unsettled').tap()
  await page.locator('.foot-notice .button', { hasText: '重试' }).tap()
  const card = page.locator('.standing', { hasText: '每天 · 早餐' })
  await card.waitFor(LONG)
  await card.getByText('张伟、刘洋').waitFor()
  const keys = house.asked.filter(({ what }) => what === CREATE).map(({ key }) => key)
  expect([keys.length, new Set(keys).size, await page.locator('.standing').count()]).toEqual([2, 1, 1])

  const token = await phone.token(page)
  const department = /department=(\d+)/.exec(page.url())![1]
  const { subscriptions } = await house.call<{ subscriptions: { subscription_id: number }[] }>('GET', `/api/v1/subscriptions?department_id=${department}`, undefined, token)
  await bookedBy(house, token, subscriptions[0]!.subscription_id, 2)
  await card.locator('.button', { hasText: '下单情况' }).tap()
  await page.locator('.standing-run', { hasText: '2/2 人已订' }).first().waitFor(LONG)
  await shoot(page, 'department-standing')
  await card.locator('.button', { hasText: '暂停' }).tap()
  await card.locator('.pill', { hasText: '已暂停' }).waitFor(LONG)
})
