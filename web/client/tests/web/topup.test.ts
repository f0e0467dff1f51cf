import { expect, test } from 'vitest'
import { house, phone, usePhone } from '../frame'
import { scan, shoot } from '../phone'
import { creates, go, isCreate, LONG, title, topup, withCode } from '../till'

usePhone()

test('a code is shown, scanned and paid, and the page sees it by itself', async () => {
  const { page, token, orderNo } = await withCode(phone, 'zhangwei')
  const before = await house.balance(token)
  const text = await scan(page, '.paying-qr')
  const { orders } = await house.wechat<{ orders: { out_trade_no: string; prepay_id: string }[] }>('GET', '/sim/state')
  expect(text).toBe(`weixin://wxpay/bizpayurl?pr=${orders.find(({ out_trade_no }) => out_trade_no === orderNo)!.prepay_id}`)
  await shoot(page, 'topup-code')
  await house.pay(orderNo)
  await title(page, '已到账').waitFor(LONG)
  await page.locator('.paying-balance').waitFor()
  await shoot(page, 'topup-paid')
  expect(await house.balance(token)).toBe(before + 5000)
  await page.goBack()
  await page.locator('.ledger .pill', { hasText: '已到账' }).first().waitFor()
  expect(creates(house).length).toBe(1)
})

test('the callback is lost: who says that they have paid has it credited at once', async () => {
  const { page, token, orderNo } = await withCode(phone, 'lina')
  const before = await house.balance(token)
  await house.pay(orderNo, { notice: { lose: true } })
  await page.locator('.foot .button', { hasText: '我已付款' }).tap()
  await title(page, '已到账').waitFor(LONG)
  expect(await house.balance(token)).toBe(before + 5000)
})

test('the callback is lost and nobody says anything: the page asks WeChat by itself now and then', async () => {
  const { page, token, orderNo } = await withCode(phone, 'wangfang')
  const before = await house.balance(token)
  await house.pay(orderNo, { notice: { lose: true } })
  await title(page, '已到账').waitFor(LONG)
  expect(await house.balance(token)).toBe(before + 5000)
})

test('in the phone’s browser: to WeChat, paid there, and back', async () => {
  const { page, token } = await topup(phone, 'liuyang')
  const before = await house.balance(token)
  await shoot(page, 'topup')
  await page.locator('.amount-tap', { hasText: '¥200' }).tap()
  await go(page).tap()
  await page.waitForURL(/\/sim\/pay/)
  await page.locator('#pay').tap()
  await page.waitForURL(/topup-order/, LONG)
  await title(page, '已到账').waitFor(LONG)
  expect(await house.balance(token)).toBe(before + 20_000)
  await page.locator('.foot .button', { hasText: '看余额' }).tap()
  await page.locator('.purse-amount').waitFor()
})

test('back without having paid: it is asked about, it takes longer, and it can be paid after all', async () => {
  const { page, token } = await topup(phone, 'chenjing')
  const before = await house.balance(token)
  await go(page).tap()
  await page.waitForURL(/\/sim\/pay/)
  await page.locator('#back').tap()
  await page.waitForURL(/topup-order/)
  await title(page, '正在向微信确认').waitFor()
  await title(page, '比平时慢一些').waitFor(LONG)
  await shoot(page, 'topup-longer')
  await page.locator('.foot .button', { hasText: '还没付' }).tap()
  await page.waitForURL(/\/sim\/pay/)
  await page.locator('#pay').tap()
  await page.waitForURL(/topup-order/, LONG)
  await title(page, '已到账').waitFor(LONG)
  expect(await house.balance(token)).toBe(before + 10_000)
  expect(creates(house).length).toBe(1)
})

test('the app is ended before the answer: what was begun is found again', async () => {
  const { page, token } = await topup(phone, 'sunli')
  await page.locator('.segment', { hasText: '扫码' }).tap()
  house.after = (asked) => (isCreate(asked) ? 'lose' : undefined)
  await go(page).tap()
  await page.locator('.foot-notice').waitFor(LONG)
  house.after = () => {}
  await phone.visit(page, '/#/')
  await page.locator('.unsettled').tap()
  await page.locator('.foot-notice .button', { hasText: '重试' }).tap()
  await page.locator('.paying-qr').waitFor(LONG)
  expect(new Set(creates(house).map(({ key }) => key)).size).toBe(1)
  expect((await house.call<{ total_count: number }>('GET', '/api/v1/recharge/orders', undefined, token)).total_count).toBe(1)
  // Loaded anew, it is the same code.
  const code = await scan(page, '.paying-qr')
  await page.reload()
  await page.locator('.paying-qr').waitFor()
  expect(await scan(page, '.paying-qr')).toBe(code)
})

test('WeChat does not answer: nothing is charged, it is said, and the same order is tried again', async () => {
  const { page } = await topup(phone, 'gaoqiang')
  await page.locator('.segment', { hasText: '扫码' }).tap()
  await house.wechat('POST', '/sim/faults', { kind: 'bad_gateway', path: '/v3/pay/transactions/native' })
  await go(page).tap()
  await page.locator('.foot-notice', { hasText: '没有扣款' }).waitFor(LONG)
  await house.wechat('DELETE', '/sim/faults')
  await page.locator('.foot-notice .button', { hasText: '重试' }).tap()
  await page.locator('.paying-qr').waitFor(LONG)
  expect(new Set(creates(house).map(({ key }) => key)).size).toBe(1)
})

test('an amount outside the house’s limits is not sent', async () => {
  const { page, token } = await topup(phone, 'linlan')
  const { limits } = await house.call<{ limits: { min_cents: number; max_cents: number } }>('GET', '/api/v1/recharge/orders', undefined, token)
  const other = page.locator('.field input')
  for (const [text, fits] of [
    [String(limits.min_cents / 100), true],
    [String(limits.min_cents / 100 - 0.01), false],
    [String(limits.max_cents / 100), true],
    [String(limits.max_cents / 100 + 0.01), false],
    ['1.234', false],
  ] as const) {
    await other.fill(text)
    await page.locator('.topup-outside').waitFor({ state: fits ? 'detached' : 'visible' })
    expect(await go(page).getAttribute('aria-disabled'), text).toBe(fits ? null : 'true')
  }
  await page.locator('.amount-tap', { hasText: '¥500' }).first().tap()
  expect(await go(page).innerText()).toContain('¥500.00')
  expect(creates(house).length).toBe(0)
})
