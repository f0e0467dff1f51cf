import { expect, test } from 'vitest'
import { house, phone, usePhone } from '../frame'
import type { Mine } from '../house'
import { scan, shoot } from '../phone'
import { LONG } from '../till'

usePhone()

test('the code is one tap away, can be scanned, is there without a network, and says when it was used', async () => {
  const { name, meals } = await house.hungry(new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10))
  const page = await phone.signIn(name)
  await page.locator('.code-strip').nth(meals.length - 1).waitFor()
  const first = page.locator('.code-strip').first()
  const letters = await first.locator('.code-letters').innerText()
  const order = meals.find(({ my_order }) => my_order!.pickup_code === letters)!.my_order!
  await shoot(page, 'meals-code')
  await first.tap()
  await page.locator('.pickup-letters', { hasText: letters }).waitFor()
  expect(await scan(page, '.pickup-qr .qr')).toBe(order.pickup_qr)
  await shoot(page, 'pickup')

  await page.goBack()
  await page.locator('.code-strip').first().waitFor()
  await phone.context.setOffline(true)
  await page.locator('.offline').first().waitFor()
  await page.locator('.code-strip').first().tap()
  expect(await scan(page, '.pickup-qr .qr')).toBe(order.pickup_qr)
  await phone.context.setOffline(false)

  await house.call('POST', '/api/v1/orders/redeem', { qr: order.pickup_qr }, await house.tokenOf('admin'))
  await phone.visit(page, `/#/pages/order/index?order_id=${order.order_id}`)
  await page.locator('.pickup-fetched', { hasText: '已取餐' }).waitFor(LONG)
  await phone.visit(page, '/#/')
  await page.locator('.meal-card').first().waitFor()
  await page.waitForFunction((left) => document.querySelectorAll('.code-strip').length === left, meals.length - 1)
})

test('a time to fetch it is chosen with the order, and changed', async () => {
  const meal = await house.meal({ pickup_windows: ['11:30-12:00', '12:00-12:30'] })
  const page = await phone.signIn('wuxia')
  const token = await phone.token(page)
  const mine = async () => (await house.call<Mine>('GET', `/api/v1/meals/${meal}`, undefined, token)).my_order
  await phone.visit(page, `/#/pages/meal/index?meal_id=${meal}`)
  await page.locator('.foot-price', { hasText: '¥18.00' }).waitFor()
  await page.locator('.chip', { hasText: '12:00–12:30' }).tap()
  await page.locator('.foot-price:not(.asking)').waitFor()
  await shoot(page, 'meal-window')
  await page.locator('.foot-row .button').tap()
  await page.locator('.toast', { hasText: '下单成功' }).waitFor(LONG)
  expect((await mine())!.pickup_window).toBe('12:00-12:30')
  await page.locator('.chip', { hasText: '11:30–12:00' }).tap()
  await page.locator('.foot-row .button:not(.off)', { hasText: '保存修改' }).tap()
  await page.locator('.toast', { hasText: '修改已保存' }).waitFor(LONG)
  expect((await mine())!.pickup_window).toBe('11:30-12:00')
  await page.locator('.actions .button', { hasText: '取餐码' }).tap()
  await page.locator('.pickup', { hasText: '请在 11:30–12:00 到窗口出示' }).waitFor()
  await page.goBack()
  await page.locator('.chip', { hasText: '不限' }).tap()
  await page.locator('.foot-row .button:not(.off)', { hasText: '保存修改' }).tap()
  // The words of the first change may still be on the screen.
  await expect.poll(async () => (await mine())!.pickup_window ?? null, LONG).toBeNull()
})
