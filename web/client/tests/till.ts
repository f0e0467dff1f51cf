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
