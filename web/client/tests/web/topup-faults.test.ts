import { expect, test } from 'vitest'
import { house, phone, usePhone } from '../frame'
import { shoot } from '../phone'
import { creates, go, isCreate, LONG, title, topup, withCode } from '../till'

// A house of its own: the simulated WeChat ends with the server, and numbers its payments from the beginning again.
usePhone()

test('the server dies as a top-up is begun: the retry has the same key, and there is one order', async () => {
  const { page, token } = await topup(phone, 'zhaolei')
  await page.locator('.segment', { hasText: '扫码' }).tap()
  house.after = async (asked) => {
    if (!isCreate(asked)) return
    house.after = () => {}
    await house.kill()
    return 'lose'
  }
  await go(page).tap()
  await page.locator('.foot-notice', { hasText: '可能已经成功，也可能没有' }).waitFor(LONG)
  await shoot(page, 'topup-no-answer')
  await house.start()
  await page.locator('.foot-notice .button', { hasText: '重试' }).tap()
  await page.locator('.paying-qr').waitFor(LONG)
  expect([creates(house).length, new Set(creates(house).map(({ key }) => key)).size]).toEqual([2, 1])
  const { total_count } = await house.call<{ total_count: number }>('GET', '/api/v1/recharge/orders', undefined, token)
  expect(total_count).toBe(1)
})

test('the server dies while a payment is waited for: it says so, nothing is lost, and it goes on', async () => {
  const { page, token, orderNo } = await withCode(phone, 'huming')
  const before = await house.balance(token)
  await house.kill()
  await page.locator('.paying-trouble .notice').waitFor(LONG)
  await page.locator('.paying-safe', { hasText: '钱不会丢' }).waitFor()
  await shoot(page, 'topup-server-down')
  await house.start()
  await page.locator('.paying-trouble .button', { hasText: '重试' }).tap()
  await page.locator('.paying-trouble').waitFor({ state: 'detached' })
  // The new WeChat has to hear of the order.
  await house.call('POST', `/api/v1/recharge/orders/${orderNo}/pay`, undefined, token)
  await house.pay(orderNo)
  await title(page, '已到账').waitFor(LONG)
  expect(await house.balance(token)).toBe(before + 5000)
})

