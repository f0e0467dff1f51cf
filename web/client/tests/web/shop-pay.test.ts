import { expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { house, phone, usePhone } from '../frame'
import { scan, shoot } from '../phone'
import { LONG, title } from '../till'

usePhone()

interface Bought {
  order_no: string
  status: string
  payments: { order_no: string; client: string; status: string; refunded_cents: number }[]
}
const segment = (page: Page, text: string) => page.locator('.segment', { hasText: text })
const foot = (page: Page, text: string) => page.locator('.foot .button', { hasText: text })
const state = (page: Page, text: string) => page.locator('.order-state', { hasText: text })
const pays = (orderNo: string) => house.asked.filter(({ what }) => what === `POST /api/v1/shop/orders/${orderNo}/pay`)
const isPay = (asked: { method?: string; url?: string }) => asked.method === 'POST' && /\/shop\/orders\/[^/]+\/pay$/.test(asked.url!)

/** An order that nobody has paid, on its page. */
async function unpaid(name: string): Promise<{ page: Page; token: string; orderNo: string; before: number; bought: () => Promise<Bought> }> {
  const product = await house.product()
  const page = await phone.signIn(name)
  const token = await phone.token(page)
  const before = await house.balance(token)
  const { order_no } = await house.call<Bought>('POST', '/api/v1/shop/orders', { product_id: product, pay_with: 'wechat' }, token)
  await phone.visit(page, `/#/pages/shop-order/index?order_no=${order_no}`)
  await page.locator('.round-left', { hasText: /\d\d:\d\d:\d\d/ }).waitFor()
  return { page, token, orderNo: order_no, before, bought: () => house.call('GET', `/api/v1/shop/orders/${order_no}`, undefined, token) }
}
/** As far as the code to scan; with the number that WeChat knows the payment by. */
async function withCode(name: string) {
  const found = await unpaid(name)
  await segment(found.page, '扫码').tap()
  await foot(found.page, '显示付款码').tap()
  await found.page.locator('.paying-qr').waitFor(LONG)
  return { ...found, payment: (await found.bought()).payments[0]!.order_no }
}

test('chosen on the goods: to WeChat, paid there, and back, nothing of it from the balance', async () => {
  const product = await house.product({ name_zh: '明前龙井' })
  const page = await phone.signIn('zhangwei')
  const token = await phone.token(page)
  const before = await house.balance(token)
  await phone.visit(page, `/#/pages/goods/index?product_id=${product}`)
  await page.locator('.foot-price', { hasText: '¥68.00' }).waitFor()
  await segment(page, '微信支付').tap()
  await foot(page, '用微信付款').waitFor()
  await shoot(page, 'goods-wechat')
  await page.locator('.foot-row .button[aria-disabled]').waitFor({ state: 'detached' })
  await foot(page, '用微信付款').tap()
  await page.waitForURL(/\/sim\/pay/, LONG)
  await page.locator('#pay').tap()
  await page.waitForURL(/shop-order/, LONG)
  await state(page, '已付款').waitFor(LONG)
  await page.locator('.fact', { hasText: '微信支付' }).waitFor()
  expect(await house.balance(token)).toBe(before)
  expect((await house.call<{ stock: number }>('GET', `/api/v1/products/${product}`, undefined, token)).stock).toBe(4)

  // Called off, it goes back to where it came from.
  await page.locator('.actions .button', { hasText: '取消订单' }).tap()
  await page.locator('.confirm', { hasText: '¥68.00 会原路退回微信' }).waitFor()
  await page.locator('.confirm .button').first().tap()
  await state(page, '已退款').waitFor(LONG)
  await page.locator('.fact', { hasText: '退回微信' }).waitFor()
  await shoot(page, 'shop-order-refunded')
  expect(await house.balance(token)).toBe(before)
})

test('a code is shown, scanned and paid, and the page sees it by itself', async () => {
  const { page, token, before, payment } = await withCode('lina')
  const { orders } = await house.wechat<{ orders: { out_trade_no: string; prepay_id: string }[] }>('GET', '/sim/state')
  expect(await scan(page, '.paying-qr')).toBe(`weixin://wxpay/bizpayurl?pr=${orders.find(({ out_trade_no }) => out_trade_no === payment)!.prepay_id}`)
  await page.waitForTimeout(300)
  await shoot(page, 'shop-order-code')
  await house.pay(payment)
  await state(page, '已付款').waitFor(LONG)
  await page.locator('.toast', { hasText: '购买成功' }).waitFor()
  await shoot(page, 'shop-order-paid')
  expect(await house.balance(token)).toBe(before)
})

test('the callback is lost: who says that they have paid has it at once', async () => {
  const { page, payment } = await withCode('wangfang')
  await house.pay(payment, { notice: { lose: true } })
  await foot(page, '我已付款').tap()
  await state(page, '已付款').waitFor(LONG)
})

test('back without having paid: it is asked about, it takes longer, and it can be paid after all', async () => {
  const { page, token, before, orderNo, bought } = await unpaid('chenjing')
  await foot(page, '去微信付款').tap()
  await page.waitForURL(/\/sim\/pay/)
  await page.locator('#back').tap()
  await page.waitForURL(/shop-order/)
  await title(page, '正在向微信确认').waitFor()
  await title(page, '比平时慢一些').waitFor(LONG)
  await page.waitForTimeout(300)
  await shoot(page, 'shop-order-longer')
  await foot(page, '还没付').tap()
  await page.waitForURL(/\/sim\/pay/)
  await page.locator('#pay').tap()
  await page.waitForURL(/shop-order/, LONG)
  await state(page, '已付款').waitFor(LONG)
  expect(await house.balance(token)).toBe(before)
  expect([pays(orderNo).length, (await bought()).payments.length]).toEqual([1, 1])
})

test('another way after all: the code is good for nothing any more, and it is paid once', async () => {
  const { page, token, before, payment, bought } = await withCode('zhaolei')
  await segment(page, '余额').tap()
  await page.locator('.after-money').waitFor()
  await shoot(page, 'shop-order-balance')
  await foot(page, '用余额付款').tap()
  await state(page, '已付款').waitFor(LONG)
  expect(await house.balance(token)).toBe(before - 6800)
  expect((await bought()).payments[0]!.status).not.toBe('pending')
  await expect(house.pay(payment)).rejects.toThrow()
})

test('the answer is lost and the app is ended: the same key, and one payment', async () => {
  const { page, orderNo, bought } = await unpaid('liuyang')
  await segment(page, '扫码').tap()
  house.after = (asked) => (isPay(asked) ? 'lose' : undefined)
  await foot(page, '显示付款码').tap()
  await page.locator('.foot-notice', { hasText: '可能已经成功，也可能没有' }).waitFor(LONG)
  house.after = () => {}
  await phone.visit(page, '/#/')
  await page.locator('.unsettled').tap()
  await page.locator('.foot-notice .button', { hasText: '重试' }).tap()
  await page.locator('.paying-qr').waitFor(LONG)
  expect([pays(orderNo).length, new Set(pays(orderNo).map(({ key }) => key)).size, (await bought()).payments.length]).toEqual([2, 1, 1])
})

test('WeChat does not answer: nothing is charged, it is said, and the same payment is tried again', async () => {
  const { page, orderNo, bought } = await unpaid('gaoqiang')
  await segment(page, '扫码').tap()
  await house.wechat('POST', '/sim/faults', { kind: 'bad_gateway', path: '/v3/pay/transactions/native' })
  await foot(page, '显示付款码').tap()
  await page.locator('.foot-notice', { hasText: '没有扣款' }).waitFor(LONG)
  await shoot(page, 'shop-order-no-wechat')
  await house.wechat('DELETE', '/sim/faults')
  await page.locator('.foot-notice .button', { hasText: '重试' }).tap()
  await page.locator('.paying-qr').waitFor(LONG)
  expect([new Set(pays(orderNo).map(({ key }) => key)).size, (await bought()).payments.length]).toEqual([1, 1])
})
