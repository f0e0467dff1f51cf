import { expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { house, phone, usePhone } from '../frame'
import { shoot } from '../phone'
import { LONG } from '../till'

usePhone()

const PLACE = 'POST /api/v1/shop/orders'
const isPlace = (asked: { method?: string; url?: string }) => `${asked.method} ${asked.url}` === PLACE
const places = () => house.asked.filter(({ what }) => what === PLACE)
const buy = (page: Page) => page.locator('.foot-row .button')
const buyAs = async (name: string, round: number, quantity: number) =>
  house.call<{ order_no: string }>('POST', '/api/v1/shop/orders', { round_id: round, quantity, pay_with: 'balance' }, await house.member(name))
const price = (page: Page, text: string) => page.locator('.foot-price:not(.asking)', { hasText: text })

async function shop(name: string): Promise<{ page: Page; token: string }> {
  const page = await phone.signIn(name)
  await page.locator('.tab', { hasText: '小店' }).tap()
  return { page, token: await phone.token(page) }
}
async function goods(name: string, which: string): Promise<{ page: Page; token: string }> {
  const page = await phone.signIn(name)
  await phone.visit(page, `/#/pages/goods/index?${which}`)
  await page.locator('.foot-price').waitFor()
  return { page, token: await phone.token(page) }
}

test('a product is bought from the balance, and called off again', async () => {
  const product = await house.product({ name_zh: '明前龙井' })
  const { page, token } = await shop('zhangwei')
  const before = await house.balance(token)
  await page.locator('.ware', { hasText: '明前龙井' }).waitFor()
  await shoot(page, 'shop')
  await page.locator('.ware', { hasText: '明前龙井' }).tap()
  await price(page, '¥68.00').waitFor()
  await page.locator('.step').last().tap()
  await price(page, '¥136.00').waitFor()
  await shoot(page, 'product')
  await buy(page).tap()
  await page.locator('.goods-bought', { hasText: '买到 2 件' }).waitFor(LONG)
  expect(await house.balance(token)).toBe(before - 13_600)
  await page.locator('.order-meal', { hasText: '剩 3 件' }).waitFor()
  await page.locator('.goods-bought .button').tap()
  await page.locator('.order-sum', { hasText: '¥136.00' }).waitFor()
  await shoot(page, 'shop-order')
  await page.locator('.actions .button', { hasText: '取消订单' }).tap()
  await page.locator('.confirm', { hasText: '¥136.00 会立刻退回余额' }).waitFor()
  await page.locator('.confirm .button').first().tap()
  await page.locator('.order-state', { hasText: /已退款|已取消/ }).waitFor(LONG)
  expect(await house.balance(token)).toBe(before)
  const { stock } = await house.call<{ stock: number }>('GET', `/api/v1/products/${product}`, undefined, token)
  expect(stock).toBe(5)
})

test('the last piece goes to somebody else: nothing is charged, and it is said', async () => {
  const product = await house.product({ stock: 1 })
  const { page, token } = await goods('lina', `product_id=${product}`)
  await price(page, '¥68.00').waitFor()
  const before = await house.balance(token)
  await house.call('POST', '/api/v1/shop/orders', { product_id: product, pay_with: 'balance' }, await house.member('wangfang'))
  await buy(page).tap()
  await page.locator('.foot-notice', { hasText: '没有扣款' }).waitFor(LONG)
  expect(await page.locator('.foot-notice .button').count()).toBe(0)
  expect(await house.balance(token)).toBe(before)
})

test('the answer is lost and the app is ended: the same key, paid once', async () => {
  const product = await house.product()
  const { page, token } = await goods('liuyang', `product_id=${product}`)
  await price(page, '¥68.00').waitFor()
  const before = await house.balance(token)
  house.after = (asked) => (isPlace(asked) ? 'lose' : undefined)
  await buy(page).tap()
  await page.locator('.foot-notice', { hasText: '可能已经成功，也可能没有' }).waitFor(LONG)
  house.after = () => {}
  await phone.visit(page, '/#/')
  await page.locator('.unsettled').tap()
  await page.locator('.foot-notice .button', { hasText: '重试' }).tap()
  await page.locator('.goods-bought').waitFor(LONG)
  expect([places().length, new Set(places().map(({ key }) => key)).size]).toEqual([2, 1])
  expect(await house.balance(token)).toBe(before - 6800)
})

test('the server dies in the middle of a purchase: the retry has the same key, and it is paid once', async () => {
  const product = await house.product()
  const { page, token } = await goods('chenjing', `product_id=${product}`)
  await price(page, '¥68.00').waitFor()
  const before = await house.balance(token)
  house.after = async (asked) => {
    if (!isPlace(asked)) return
    house.after = () => {}
    await house.kill()
    return 'lose'
  }
  await buy(page).tap()
  await page.locator('.foot-notice', { hasText: '可能已经成功，也可能没有' }).waitFor(LONG)
  await house.start()
  await page.locator('.foot-notice .button', { hasText: '重试' }).tap()
  await page.locator('.goods-bought').waitFor(LONG)
  expect(new Set(places().map(({ key }) => key)).size).toBe(1)
  expect(await house.balance(token)).toBe(before - 6800)
})

test('an address is asked for where it is sent, and kept for the next time', async () => {
  const product = await house.product()
  const { page, token } = await goods('zhaolei', `product_id=${product}`)
  await page.locator('.goods-ways .segment', { hasText: '寄送' }).tap()
  await page.locator('.foot-warning', { hasText: '请填写收件人' }).waitFor()
  expect(await buy(page).getAttribute('aria-disabled')).toBe('true')
  await page.locator('.field textarea').fill('赵磊 13800000000 幸福路 1 号')
  await price(page, '¥68.00').waitFor()
  await buy(page).tap()
  await page.locator('.goods-bought').waitFor(LONG)
  const { orders } = await house.call<{ orders: { address: string }[] }>('GET', '/api/v1/shop/orders', undefined, token)
  expect(orders[0]!.address).toBe('赵磊 13800000000 幸福路 1 号')
  await phone.visit(page, `/#/pages/goods/index?product_id=${await house.product()}`)
  await page.locator('.goods-ways .segment', { hasText: '寄送' }).tap()
  expect(await page.locator('.field textarea').inputValue()).toBe('赵磊 13800000000 幸福路 1 号')
})

test('a round: shares with their numbers, sold out, drawn, and checked on the phone', async () => {
  const product = await house.product({ name_zh: '一箱苹果' })
  const round = await house.round(product)
  const { page, token } = await shop('huangmin')
  await page.locator('.segment', { hasText: '期次' }).tap()
  await page.locator('.ware-round', { hasText: '一箱苹果' }).waitFor()
  await shoot(page, 'rounds')
  await page.locator('.ware-round', { hasText: '一箱苹果' }).tap()
  await page.locator('.round-left', { hasText: /1 天 \d\d:\d\d:\d\d/ }).waitFor()
  const clock = await page.locator('.round-left').innerText()
  await page.waitForFunction((before) => document.querySelector('.round-left')?.textContent !== before, clock)
  await page.locator('.step').last().tap()
  await price(page, '¥2.00').waitFor()
  await shoot(page, 'round')
  await buy(page).tap()
  await page.locator('.goods-bought .goods-numbers', { hasText: '1–2' }).waitFor(LONG)
  await page.locator('.round-mine', { hasText: '1–2' }).waitFor()
  await buyAs('zhoujie', round, 8)
  await house.call('POST', `/api/v1/admin/rounds/${round}/draw`, undefined, await house.tokenOf('admin')).catch(() => undefined)
  await phone.visit(page, `/#/pages/goods/index?round_id=${round}`)
  await page.locator('.round-number').waitFor(LONG)
  const shown = await house.call<{ winning_number: number; winner_user_id: number }>('GET', `/api/v1/rounds/${round}`, undefined, token)
  expect(await page.locator('.round-number').innerText()).toBe(String(shown.winning_number))
  await page.locator('.round-result', { hasText: shown.winning_number <= 2 ? '恭喜' : '没有中奖' }).waitFor()
  await page.locator('.round-check').tap()
  await page.locator('.round-verdict', { hasText: '验算通过' }).waitFor(LONG)
  expect(await page.locator('.round-proof .booked-line').count()).toBe(3)
  await shoot(page, 'round-checked')
})

test('a house that cheats is found out', async () => {
  const round = await house.round(await house.product(), { total_shares: 4 })
  await buyAs('sunli', round, 4)
  await house.call('POST', `/api/v1/admin/rounds/${round}/draw`, undefined, await house.tokenOf('admin')).catch(() => undefined)
  const { page } = await goods('huming', `round_id=${round}`)
  await phone.context.route('**/proof', async (route) => {
    const answer = await route.fetch()
    const said = (await answer.json()) as { data: { winning_number: number } }
    said.data.winning_number = (said.data.winning_number % 4) + 1
    await route.fulfill({ response: answer, json: said })
  })
  await page.locator('.round-check').tap()
  await page.locator('.round-verdict', { hasText: '验算没有通过' }).waitFor(LONG)
  await page.locator('.booked-failed', { hasText: '与公布的不一致' }).waitFor()
})

test('an order that waits for its payment is paid from the balance, and another one called off', async () => {
  const product = await house.product()
  const page = await phone.signIn('zhuyan')
  const token = await phone.token(page)
  const before = await house.balance(token)
  const unpaid = async () => (await house.call<{ order_no: string }>('POST', '/api/v1/shop/orders', { product_id: product, pay_with: 'wechat' }, token)).order_no
  await phone.visit(page, `/#/pages/shop-order/index?order_no=${await unpaid()}`)
  await page.locator('.round-left', { hasText: /\d\d:\d\d:\d\d/ }).waitFor()
  await page.locator('.segment', { hasText: '余额' }).tap()
  await page.locator('.foot .button', { hasText: '用余额付款' }).tap()
  await page.locator('.order-state', { hasText: '已付款' }).waitFor(LONG)
  expect(await house.balance(token)).toBe(before - 6800)

  await phone.visit(page, `/#/pages/shop-order/index?order_no=${await unpaid()}`)
  await page.locator('.actions .button', { hasText: '取消订单' }).tap()
  await page.locator('.confirm', { hasText: '还没有付款' }).waitFor()
  await page.locator('.confirm .button').first().tap()
  await page.locator('.order-state', { hasText: '已取消' }).waitFor(LONG)
  expect(await house.balance(token)).toBe(before - 6800)
  await phone.visit(page, '/#/pages/shop-orders/index')
  await page.locator('.card.past').nth(1).waitFor()
  await page.locator('.chip', { hasText: '已取消' }).tap()
  await page.locator('.card.past .pill', { hasText: '已取消' }).waitFor()
  expect(await page.locator('.card.past').count()).toBe(1)
})

test('what is sold out or over can be looked at, and not bought', async () => {
  const page = await phone.signIn('gaoqiang')
  await phone.visit(page, `/#/pages/goods/index?product_id=${await house.product({ stock: 0 })}`)
  await page.locator('.foot-row .button.off', { hasText: '已售完' }).waitFor()
  await phone.visit(page, `/#/pages/goods/index?round_id=${await house.round(await house.product(), { opens_at: new Date(Date.now() + 3_600_000).toISOString() })}`)
  await page.locator('.foot-row .button.off', { hasText: '即将开始' }).waitFor()
  await page.locator('.round-left', { hasText: /00:59:\d\d/ }).waitFor()
})
