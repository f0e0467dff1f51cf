import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { house, phone, usePhone } from '../frame'
import { shoot } from '../phone'

usePhone()

/** To the bottom of the page, as a thumb does it. */
async function scroll(page: Page): Promise<void> {
  const end = () => page.evaluate(() => scrollY + innerHeight >= document.documentElement.scrollHeight - 2)
  do {
    await page.mouse.wheel(0, 500)
    await page.waitForTimeout(60)
  } while (!(await end()))
}

async function me(name: string): Promise<Page> {
  const page = await phone.signIn(name)
  await page.locator('.tab').last().tap()
  await page.locator('.figure-value').first().waitFor()
  return page
}

test('the overview shows what the server counts', async () => {
  const page = await me('zhangwei')
  const token = await phone.token(page)
  const profile = await house.call<{ recent_activity: { recent_orders: number } }>('GET', '/api/v1/users/profile', undefined, token)
  expect(await page.locator('.figure-value').first().innerText()).toBe(String(profile.recent_activity.recent_orders))
  expect(await page.locator('.purse-amount').innerText()).toMatch(/^¥\d/)
  expect(await page.locator('.trend-bar').count()).toBe(30)
})

test('orders are filtered by state and by date', async () => {
  const page = await me('lina')
  await page.locator('.segment', { hasText: '订单' }).tap()
  await page.locator('.card.past .pill').first().waitFor()
  await page.locator('.chip', { hasText: '已完成' }).tap()
  await page.locator('.card.past .pill', { hasText: '已完成' }).first().waitFor()
  const states = await page.locator('.card.past .pill').allInnerTexts()
  expect(new Set(states)).toEqual(new Set(['已完成']))
  expect(await page.locator('.sum').innerText()).toContain(`订单 ${states.length}`)
  await page.locator('.chip', { hasText: '已退款' }).tap()
  await page.locator('.nothing', { hasText: '这里还没有订单' }).waitFor()
  await page.locator('.chip', { hasText: '全部' }).first().tap()
  await page.locator('.chip', { hasText: '上月' }).tap()
  await page.locator('.chip', { hasText: '自选日期' }).tap()
  await page.locator('.range-field').first().waitFor()
})

test('lists go on as one scrolls, to their end', async () => {
  const page = await me('zhoujie')
  const token = await phone.token(page)
  for (let at = 0; at < 24; at++) {
    const meal = await house.meal()
    await house.call('POST', '/api/v1/orders', { meal_id: meal }, token)
  }
  await page.locator('.segment', { hasText: '余额' }).tap()
  await page.locator('.ledger').nth(19).waitFor()
  const { total_count } = await house.call<{ total_count: number }>('GET', '/api/v1/users/balance/history', undefined, token)
  await scroll(page)
  await page.locator('.ledger').nth(Math.min(total_count, 40) - 1).waitFor()
  await scroll(page)
  await page.locator('.end', { hasText: '没有更多了' }).waitFor()
  expect(await page.locator('.ledger').count()).toBe(total_count)

  await page.locator('.segment', { hasText: '订单' }).tap()
  await page.locator('.card.past').nth(19).waitFor()
  await scroll(page)
  await page.locator('.card.past').nth(23).waitFor()
})

test('pulling down loads again', async () => {
  const page = await me('sunli')
  const token = await phone.token(page)
  const meal = await house.meal({ base_price_cents: 4321 })
  const before = await page.locator('.purse-amount').innerText()
  await house.call('POST', '/api/v1/orders', { meal_id: meal }, token)
  const session = await phone.context.newCDPSession(page)
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', y: number) =>
    session.send('Input.dispatchTouchEvent', { type, touchPoints: type === 'touchEnd' ? [] : [{ x: 190, y }] })
  await touch('touchStart', 130)
  for (let y = 140; y <= 420; y += 20) await touch('touchMove', y)
  await touch('touchEnd', 420)
  await page.locator('.purse-amount').filter({ hasNotText: before }).waitFor()
})

test('the exports are workbooks that the browser keeps', async () => {
  const page = await me('huming')
  for (const name of ['导出订单记录', '导出余额流水']) {
    const [file] = await Promise.all([page.waitForEvent('download'), page.locator('.line-tap', { hasText: name }).tap()])
    expect(file.suggestedFilename()).toMatch(/_\d{4}-\d{2}-\d{2}\.xlsx$/)
    expect(readFileSync(await file.path()).subarray(0, 2).toString()).toBe('PK')
    await page.locator('.toast', { hasText: '已保存' }).waitFor()
  }
})

test('an export that fails says so', async () => {
  const page = await me('gaoqiang')
  house.after = (asked) => (asked.url!.includes('/export') ? 'lose' : undefined)
  await page.locator('.line-tap', { hasText: '导出订单记录' }).tap()
  await page.locator('.line-failed').waitFor()
  house.after = () => {}
  const [file] = await Promise.all([page.waitForEvent('download'), page.locator('.line-tap', { hasText: '导出订单记录' }).tap()])
  expect(file.suggestedFilename()).toContain('订单')
})

test('look, language and text size are chosen, at once and for good', async () => {
  const page = await me('linlan')
  await page.getByLabel('设置').tap()
  await page.locator('.segment', { hasText: '深色' }).tap()
  await page.locator('.segment', { hasText: 'English' }).tap()
  await page.locator('.bar-title', { hasText: 'Settings' }).waitFor()
  const size = (name: string) => page.locator(name).last().evaluate((found) => Number.parseFloat(getComputedStyle(found).fontSize))
  const before = await size('.leave')
  await page.locator('.segment', { hasText: 'Largest' }).tap()
  expect(await size('.leave')).toBeCloseTo(before * 1.4, 1)
  await page.reload()
  await page.locator('.bar-title', { hasText: 'Settings' }).waitFor()
  expect(await page.locator('.screen.dark').count()).toBe(1)
  expect(await size('.leave')).toBeCloseTo(before * 1.4, 1)
  expect(await page.evaluate(() => document.documentElement.lang)).toBe('en')
  await phone.visit(page, '/#/')
  await page.locator('.meal-card').first().waitFor()
  await page.waitForTimeout(200)
  await shoot(page, 'meals-en-dark-largest')
  await page.locator('.meal-card').nth(1).tap()
  await page.locator('.foot-price').waitFor()
  await shoot(page, 'meal-en-dark-largest')
  // Nothing is cut off or pushed out at the side.
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
})

test('signing out forgets the token, and the next member does not see what this one saw', async () => {
  const page = await me('hejun')
  await page.getByLabel('设置').tap()
  await page.locator('.leave').tap()
  await page.locator('.confirm .button', { hasText: '退出登录' }).tap()
  await page.locator('.door-form').waitFor()
  expect(await page.evaluate(() => localStorage.getItem('session'))).toBeNull()
  await phone.visit(page, '/#/')
  await page.locator('.door-form').waitFor()
})

test('a department administrator signs in with account and password', async () => {
  const page = await phone.page('/')
  await page.locator('.field input').first().fill('zhou.min')
  await page.locator('.field input').nth(1).fill('wrong')
  await page.locator('.door-form .button', { hasText: '登录' }).first().tap()
  await page.locator('.notice', { hasText: '登录信息不正确' }).waitFor()
  await page.getByLabel('显示密码').tap()
  await page.locator('.field input').nth(1).fill(house.passwords.deptAdmin)
  await page.locator('.door-form .button', { hasText: '登录' }).first().tap()
  await page.locator('.week').waitFor()
})

test('the house is shared by the phone’s own sheet, or by a link on the clipboard', async () => {
  const page = await me('lina')
  const share = () => page.locator('.line-tap', { hasText: '分享饭票' }).tap()
  await phone.context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await share()
  await page.getByText('链接已复制').waitFor()
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`${house.url}/`)
  // A browser without a screen has no such sheet.
  await page.evaluate(() => {
    Object.assign(navigator, { share: async (what: ShareData) => void Object.assign(window, { shared: what }) })
  })
  await share()
  expect(await page.evaluate(() => (window as unknown as { shared: ShareData }).shared)).toEqual({ title: '一起来订餐', url: `${house.url}/` })
})
