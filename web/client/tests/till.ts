import { expect } from 'vitest'
import type { Page } from 'playwright-core'
import type { House } from './house'
import type { Phone } from './phone'

/** A loaded machine takes its time. */
export const LONG = { timeout: 45_000 }
export const go = (page: Page) => page.locator('.topup-go')
export const title = (page: Page, text: string) => page.locator('.paying-title', { hasText: text })
export const isCreate = (asked: { method?: string; url?: string }) => asked.method === 'POST' && asked.url === '/api/v1/recharge/orders'
export const creates = (house: House) => house.asked.filter(({ what }) => what === 'POST /api/v1/recharge/orders')

/** By the button on the balance, as far as the amounts. */
export async function topup(phone: Phone, name: string): Promise<{ page: Page; token: string }> {
  const page = await phone.signIn(name)
  await page.locator('.tab').last().tap()
  await page.locator('.purse-topup').tap()
  await page.locator('.amount-tap').first().waitFor()
  return { page, token: await phone.token(page) }
}

/** As far as the code for fifty yuan. */
export async function withCode(phone: Phone, name: string): Promise<{ page: Page; token: string; orderNo: string }> {
  const { page, token } = await topup(phone, name)
  await page.locator('.segment', { hasText: '扫码' }).tap()
  await page.locator('.amount-tap', { hasText: '¥50' }).first().tap()
  await go(page).tap()
  await page.locator('.paying-qr').waitFor(LONG)
  return { page, token, orderNo: (await phone.house.topup(token)).order_no }
}

interface Ran { runs: { results: { order_id: number | null }[] }[] }

/** Until the house has booked a meal of this standing order for that many members. The job may be at work already: then it is waited for. */
export async function bookedBy(house: House, token: string, subscription: number, members: number): Promise<void> {
  const admin = await house.tokenOf('admin')
  const path = `/api/v1/subscriptions/${subscription}/runs?limit=20`
  await expect.poll(async () => {
    await house.call('POST', '/api/v1/admin/jobs/book-subscriptions/run', undefined, admin).catch(() => undefined)
    const { runs } = await house.call<Ran>('GET', path, undefined, token)
    return Math.max(0, ...runs.map(({ results }) => results.filter(({ order_id }) => order_id).length))
  }, { timeout: 120_000, interval: 1_000 }).toBe(members)
}
