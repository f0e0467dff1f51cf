import { expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { house, phone, usePhone } from '../frame'

usePhone()

const total = (page: Page) => page.locator('.foot-price')
const button = (page: Page) => page.locator('.foot-row .button')
const goTo = (page: Page, meal: number) => phone.visit(page, `/#/pages/meal/index?meal_id=${meal}`)

test('a member orders from the calendar, changes the order and cancels it', async () => {
  const page = await phone.signIn('gaoqiang')
  const token = await phone.token(page)
  await page.getByLabel('下一周').tap()
  // The first card of the week that can still be ordered.
  for (let day = 0; day < 7; day++) {
    await page.locator('.week-day').nth(day).tap()
    await page.locator('.meal-card, .meal-none').first().waitFor()
    if (await page.locator('.meal-card:not(.dim):not(.meal-mine)').count()) break
  }
  const card = page.locator('.meal-card:not(.dim):not(.meal-mine)').first()
  const title = await card.locator('.meal-title').innerText()
  await card.tap()
  expect(await page.locator('.sheet-title').innerText()).toBe(title)
  const meal = Number(/meal_id=(\d+)/.exec(page.url())![1])
  const before = await house.standing(token, meal)
  const base = Number((await page.locator('.sheet-price').innerText()).slice(1)) * 100

  await page.locator('.option', { hasText: '加卤蛋' }).tap()
  await page.getByLabel('加一份').tap()
  await page.locator('.field textarea').fill('少辣')
  await page.locator('.foot-price', { hasText: String((2 * (base + 200)) / 100) }).waitFor()
  await button(page).tap()
  await page.locator('.toast', { hasText: '下单成功' }).waitFor()
  await page.locator('.pill', { hasText: '已订 2 份' }).waitFor()
  const placed = await house.standing(token, meal)
  expect(placed.balance).toBe(before.balance - 2 * (base + 200))
  expect(placed.order).toMatchObject({ quantity: 2, notes: '少辣', selected_options: [{ name: '加卤蛋', price_cents: 200 }] })

  await page.getByLabel('减一份').tap()
  await page.locator('.button', { hasText: `退 ¥${((base + 200) / 100).toFixed(2)}` }).tap()
  await page.locator('.toast', { hasText: '修改已保存' }).waitFor()
  expect((await house.standing(token, meal)).balance).toBe(before.balance - base - 200)

  await page.goBack()
  await page.locator('.meal-card.meal-mine', { hasText: title }).locator('.pill', { hasText: '已订 1 份' }).waitFor()
  await page.locator('.meal-card.meal-mine', { hasText: title }).tap()
  await page.locator('.actions .button', { hasText: '取消订单' }).tap()
  await page.locator('.confirm', { hasText: '会立刻退回余额' }).waitFor()
  await page.locator('.confirm .button', { hasText: '取消订单' }).tap()
  await page.locator('.toast', { hasText: '订单已取消' }).waitFor()
  const after = await house.standing(token, meal)
  expect([after.balance, after.order]).toEqual([before.balance, null])
})

test('going below zero is said before it happens, and is allowed', async () => {
  const meal = await house.meal({ base_price_cents: 99_900 })
  const page = await phone.signIn('lina')
  const { balance } = await house.standing(await phone.token(page), meal)
  await goTo(page, meal)
  const below = ((99_900 - balance) / 100).toFixed(2)
  await page.locator('.foot-warning', { hasText: `−¥${below}` }).waitFor()
  await button(page).tap()
  await page.locator('.toast', { hasText: '下单成功' }).waitFor()
  await goTo(page, meal)
  await page.goBack()
  await phone.visit(page, '/#/')
  await page.locator('.meals-balance', { hasText: `−¥${below}` }).waitFor()
})

test('what cannot be ordered says why and has no button', async () => {
  const page = await phone.signIn('liuyang')
  const closed = await house.meal({ orders_close_at: new Date(Date.now() - 60_000).toISOString() })
  await goTo(page, closed)
  await page.locator('.shut', { hasText: '已过截止时间' }).waitFor()
  expect(await page.locator('.foot-row [role=button]').count()).toBe(0)

  const locked = await house.meal()
  await house.call('POST', `/api/v1/meals/${locked}/lock`, {}, await house.tokenOf('admin'))
  await goTo(page, locked)
  await page.locator('.shut', { hasText: '餐次已锁定' }).waitFor()

  const last = await house.meal({ capacity: 1 })
  await goTo(page, last)
  await page.locator('.pill', { hasText: '仅余 1 份' }).waitFor()
  await total(page).waitFor()
  const other = await house.call<{ token: string }>('POST', '/api/v1/auth/login', { code: `sim-linlan-${Date.now()}` })
  await house.call('POST', '/api/v1/orders', { meal_id: last }, other.token)
  await button(page).tap()
  await page.locator('.foot-notice', { hasText: '没有扣款' }).waitFor()
  expect(await page.locator('.foot-notice .button').count()).toBe(0)
  await goTo(page, last)
  await page.locator('.shut', { hasText: '已经订满' }).waitFor()
})

test('what was chosen but not sent is there again after the page was closed', async () => {
  const meal = await house.meal()
  let page = await phone.signIn('yangfan')
  await goTo(page, meal)
  await page.locator('.option', { hasText: '不要米饭' }).tap()
  await page.getByLabel('加一份').tap()
  await page.locator('.field textarea').fill('不要香菜')
  await page.locator('.foot-price', { hasText: '¥34.00' }).waitFor()
  // As the system tells a page that is put away.
  await page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  })
  await page.close()
  page = await phone.page(`/#/pages/meal/index?meal_id=${meal}`)
  await page.locator('.toast', { hasText: '已恢复' }).waitFor()
  await page.locator('.foot-price', { hasText: '¥34.00' }).waitFor()
  expect(await page.locator('.field textarea').inputValue()).toBe('不要香菜')
  expect(await page.locator('.option .ticked').count()).toBe(1)
})

test('where a department pays, the screen says so and the member’s wallet stays', async () => {
  const meal = await house.meal()
  const page = await phone.signIn('wangfang')
  const token = await phone.token(page)
  const before = await house.standing(token, meal)
  await goTo(page, meal)
  await page.locator('.after', { hasText: '由市场部付款' }).waitFor()
  await button(page).tap()
  await page.locator('.toast', { hasText: '下单成功' }).waitFor()
  expect(await house.standing(token, meal)).toMatchObject({ balance: before.balance, entries: before.entries, order: { quantity: 1 } })
  await page.locator('.actions .button', { hasText: '取消订单' }).tap()
  await page.locator('.confirm', { hasText: '部门账户' }).waitFor()
})

test('another address in the same window leads to another meal', async () => {
  const [one, other] = [await house.meal({ title: '甲' }), await house.meal({ title: '乙' })]
  const page = await phone.signIn('yangfan')
  await goTo(page, one)
  await page.locator('.sheet-title', { hasText: '甲' }).waitFor()
  await page.evaluate((meal) => (location.hash = `#/pages/meal/index?meal_id=${meal}`), other)
  await page.locator('.sheet-title', { hasText: '乙' }).waitFor()
})
