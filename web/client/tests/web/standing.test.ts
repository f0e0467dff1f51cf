import { expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { house, phone, usePhone } from '../frame'
import { shoot } from '../phone'
import { bookedBy, LONG } from '../till'

usePhone()

interface Standing {
  subscription_id: number
  slot: string
  weekdays: number[]
  status: string
}
const standings = async (token: string) => (await house.call<{ subscriptions: Standing[] }>('GET', '/api/v1/subscriptions', undefined, token)).subscriptions
const CREATE = 'POST /api/v1/subscriptions'

async function open(name: string): Promise<{ page: Page; token: string }> {
  const page = await phone.signIn(name)
  await page.locator('.tab').last().tap()
  await page.locator('.me-entry', { hasText: '长期订餐' }).tap()
  await page.locator('.standing-go').waitFor()
  return { page, token: await phone.token(page) }
}

test('a standing order books what is published, is paused, resumed and ended', async () => {
  const { page, token } = await open('wuxia')
  for (const day of ['周六', '周日']) await page.getByLabel(day, { exact: true }).tap()
  await shoot(page, 'standing-new')
  await page.locator('.standing-go').tap()
  const card = page.locator('.standing', { hasText: '每天 · 午餐' }).first()
  await card.locator('.pill', { hasText: '进行中' }).waitFor(LONG)
  const [begun] = await standings(token)
  expect(begun).toMatchObject({ slot: 'lunch', weekdays: [1, 2, 3, 4, 5, 6, 7], status: 'active' })

  await bookedBy(house, token, begun!.subscription_id, 1)
  await card.locator('.button', { hasText: '下单情况' }).tap()
  await page.locator('.standing-run').first().waitFor(LONG)
  await shoot(page, 'standing')

  for (const [verb, state] of [['暂停', '已暂停'], ['恢复', '进行中']] as const) {
    await card.locator('.button', { hasText: verb }).tap()
    await card.locator('.pill', { hasText: state }).waitFor(LONG)
  }
  await card.locator('.button', { hasText: '结束' }).tap()
  await page.locator('.confirm', { hasText: '已经订好的餐不受影响' }).waitFor()
  await page.locator('.confirm .button').first().tap()
  await card.locator('.pill', { hasText: '已结束' }).waitFor(LONG)
  expect((await standings(token))[0]!.status).toBe('ended')
})

test('the answer is lost and the app is ended: the same key, and one standing order', async () => {
  const { page, token } = await open('xugang')
  await page.locator('.segment', { hasText: '晚餐' }).tap()
  house.after = (asked) => (`${asked.method} ${asked.url}` === CREATE ? 'lose' : undefined)
  await page.locator('.standing-go').tap()
  await page.locator('.foot-notice', { hasText: '可能已经成功，也可能没有' }).waitFor(LONG)
  house.after = () => {}
  await phone.visit(page, '/#/')
  await page.locator('.unsettled').tap()
  await page.locator('.foot-notice .button', { hasText: '重试' }).tap()
  await page.locator('.standing', { hasText: '工作日 · 晚餐' }).waitFor(LONG)
  const keys = house.asked.filter(({ what }) => what === CREATE).map(({ key }) => key)
  expect([keys.length, new Set(keys).size]).toEqual([2, 1])
  expect((await standings(token)).length).toBe(1)
})

test('what was chosen is there again, and without a day nothing is sent', async () => {
  const { page } = await open('sunli')
  await page.locator('.segment', { hasText: '早餐' }).tap()
  for (const day of ['周一', '周二', '周三', '周四', '周五']) await page.getByLabel(day, { exact: true }).tap()
  expect(await page.locator('.standing-go').getAttribute('aria-disabled')).toBe('true')
  await page.getByLabel('周三', { exact: true }).tap()
  await page.reload()
  await page.locator('.segment-on', { hasText: '早餐' }).waitFor()
  expect(await page.locator('.standing-day.on').count()).toBe(1)
  expect(house.asked.some(({ what }) => what === CREATE)).toBe(false)
})
