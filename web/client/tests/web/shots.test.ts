import { expect, test } from 'vitest'
import { house, useHouse } from '../frame'
import { Phone, shoot } from '../phone'
import { Cabinet, giveTickets, type Session } from '../vendor'

useHouse()

const LOOKS = [
  { name: 'zh-light', locale: 'zh-CN', colorScheme: 'light' },
  { name: 'zh-dark', locale: 'zh-CN', colorScheme: 'dark' },
  { name: 'en-light', locale: 'en-US', colorScheme: 'light' },
] as const

test.each(LOOKS)('every page can be drawn: $name', async ({ name, ...manner }) => {
  const phone = await Phone.buy(house, manner)
  const shot = async (what: string) => {
    await page.waitForTimeout(350)
    await shoot(page, `${what}-${name}`)
  }
  let page = await phone.page('/')
  await page.locator('.door-form').waitFor()
  await shot('door')
  page = await phone.signIn('zhangwei')
  await page.locator('.meal-card').first().waitFor()
  await shot('meals')
  await page.locator('.meal-card').nth(0).tap()
  await page.locator('.sheet-title').waitFor()
  await shot('meal')
  await page.goBack()
  await page.locator('.tab').last().tap()
  await page.locator('.figure-value').first().waitFor()
  await shot('me')
  await page.mouse.wheel(0, 600)
  await shot('me-below')
  await page.locator('.segment').nth(1).tap()
  await page.locator('.past-title').first().waitFor()
  await shot('orders')
  await page.locator('.card.past').first().tap()
  await page.locator('.order-sum').waitFor()
  await shot('order')
  await page.goBack()
  await page.locator('.segment').nth(2).tap()
  await page.locator('.ledger').first().waitFor()
  await shot('balance')
  await page.goto(house.url + '/#/pages/settings/index')
  await page.locator('.leave').waitFor()
  await shot('settings')
  const open = async (path: string, what: string) => {
    await phone.visit(page, path)
    await page.locator(what).first().waitFor()
  }
  await open('/#/pages/topup/index', '.amount-tap')
  await shot('topup')
  await page.locator('.segment').nth(1).tap()
  await page.locator('.topup-go').tap()
  await page.locator('.paying-qr').waitFor()
  await shot('topup-code')
  const product = await house.product({ limit_per_member: 3 })
  const round = await house.round(product, { total_shares: 300 })
  await house.call('POST', '/api/v1/shop/orders', { round_id: round, quantity: 120, pay_with: 'balance' }, await house.member('zhangwei'))
  await open('/#/pages/home/index?tab=shop', '.ware')
  await shot('shop')
  await page.locator('.shop-segments .segment').nth(1).tap()
  await page.locator('.ware-round').first().waitFor()
  await shot('rounds')
  await open(`/#/pages/goods/index?product_id=${product}`, '.foot-price')
  await shot('product')
  await open(`/#/pages/goods/index?round_id=${round}`, '.foot-price')
  await shot('round')
  await open('/#/pages/shop-orders/index', '.past-title')
  await shot('purchases')
  await page.locator('.card.past').first().tap()
  await page.locator('.order-sum').waitFor()
  await shot('purchase')
  const { order_no } = await house.call<{ order_no: string }>('POST', '/api/v1/shop/orders', { product_id: product, pay_with: 'wechat' }, await phone.token(page))
  await open(`/#/pages/shop-order/index?order_no=${order_no}`, '.round-left')
  await shot('purchase-unpaid')
  await page.locator('.segment').nth(2).tap()
  await page.locator('.foot .button').tap()
  await page.locator('.paying-qr').waitFor()
  await shot('purchase-code')
  await open('/#/pages/cabinet/index', '.cabinet-how')
  await shot('cabinet')
  await open('/#/pages/cabinet/index?device=NS01-A', '.cabinet-go:not([aria-disabled])')
  await shot('cabinet-scanned')
  await page.locator('.cabinet-way').last().tap()
  await page.locator('.cabinet-allow').waitFor()
  await shot('cabinet-not-allowed')
  await page.locator('.cabinet-way').first().tap()
  await page.locator('.cabinet-go').tap()
  await page.locator('.opening-step.now').waitFor()
  await shot('opening')
  await page.locator('.opening-cost').waitFor({ timeout: 45_000 })
  await shot('opening-settled')
  await open('/#/pages/cabinet-orders/index', '.past-title')
  await shot('cabinet-orders')
  await page.locator('.card.past').first().tap()
  await page.locator('.paying-title').waitFor()
  await shot('cabinet-order')
  await page.locator('.cabinet-complain').tap()
  await page.locator('.picture-add').waitFor()
  await shot('complaint')
  await house.call('POST', '/api/v1/complaints', { order_no: /order_no=([^&]+)/.exec(page.url())![1], text: '豆浆是酸的', pictures: [] }, await phone.token(page))
  await open('/#/pages/complaints/index', '.complaints-state')
  await shot('complaints')
  expect(phone.problems).toEqual([])
  await phone.close()
})

test('what goes wrong can be drawn too', async () => {
  const phone = await Phone.buy(house)
  const meal = await house.meal({ base_price_cents: 88_800 })
  const page = await phone.signIn('zhaolei')
  const shot = async (what: string) => {
    await page.waitForTimeout(350)
    await shoot(page, what)
  }
  await phone.visit(page, `/#/pages/meal/index?meal_id=${meal}`)
  await page.locator('.foot-warning').waitFor()
  await shot('below-zero')
  house.after = (asked) => (asked.method === 'POST' && asked.url === '/api/v1/orders' ? 'lose' : undefined)
  await page.locator('.foot-row .button').tap()
  await page.locator('.foot-notice').waitFor()
  await shot('no-answer')
  await phone.visit(page, '/#/')
  await page.locator('.unsettled').waitFor()
  await shot('unsettled')
  house.after = () => {}
  await page.locator('.unsettled').tap()
  await page.locator('.foot-notice .button', { hasText: '重试' }).tap()
  await page.locator('.toast').waitFor()
  await shot('placed')
  await page.locator('.actions .button', { hasText: '取消订单' }).tap()
  await page.locator('.confirm').waitFor()
  await shot('cancel')
  await page.locator('.confirm .button').last().tap()
  await phone.context.setOffline(true)
  await page.locator('.offline').waitFor()
  await shot('offline-meal')
  await phone.context.setOffline(false)
  await phone.close()
})

test.each(['zh', 'en'])('the largest text pushes nothing out at the side: %s', async (language) => {
  const phone = await Phone.buy(house, { colorScheme: 'dark' })
  const page = await phone.signIn('lina')
  await page.evaluate((settings) => localStorage.setItem('settings', settings), JSON.stringify({ look: 'dark', language, size: 'largest' }))
  const product = await house.product({ limit_per_member: 20, name_en: 'A box of unusually long-named coffee beans' })
  const round = await house.round(product, { total_shares: 40 })
  const token = await phone.token(page)
  const { order_no } = await house.call<{ order_no: string }>('POST', '/api/v1/shop/orders', { round_id: round, quantity: 12, pay_with: 'balance' }, token)
  const unpaid = await house.call<{ order_no: string }>('POST', '/api/v1/shop/orders', { product_id: product, pay_with: 'wechat' }, token)
  const topup = await house.call<{ order_no: string }>('POST', '/api/v1/recharge/orders', { amount_cents: 500_000, client: 'native' }, token)
  await giveTickets(house, token, 85_000)
  const cabinet = await Cabinet.put(house)
  const take = async (what: Record<string, number>) => {
    const { session_no } = await house.call<Session>('POST', '/api/v1/cabinet/sessions', { device_code: cabinet.code, payment_type: 'ticket' }, token)
    await cabinet.trip(session_no, what)
    const { orders } = await house.call<{ orders: { order_no: string }[] }>('GET', '/api/v1/cabinet/orders', undefined, token)
    return { session_no, taken: orders[0]!.order_no }
  }
  const complaint = { order_no: (await take({ MILK: 1 })).taken, text: '只拿了一袋大米，却扣了三袋的礼票，请看一下录像', pictures: [] }
  const { complaint_id } = await house.call<{ complaint_id: number }>('POST', '/api/v1/complaints', complaint, token)
  await house.call('POST', `/api/v1/admin/complaints/${complaint_id}/answer`, { text: '看过录像了，确实只拿了一袋，这就退' }, await house.tokenOf('admin'))
  const { session_no, taken } = await take({ RICE: 3 })
  for (const [name, path, what] of [
    ['topup', 'topup/index', '.amount-tap'],
    ['topup-order', `topup-order/index?order_no=${topup.order_no}`, '.paying-title'],
    ['standing', 'standing/index', '.standing-go'],
    ['shop', 'home/index?tab=shop', '.ware'],
    ['round', `goods/index?round_id=${round}`, '.foot-price'],
    ['product', `goods/index?product_id=${product}`, '.foot-price'],
    ['purchases', 'shop-orders/index', '.past-title'],
    ['purchase', `shop-order/index?order_no=${order_no}`, '.order-sum'],
    ['purchase-unpaid', `shop-order/index?order_no=${unpaid.order_no}`, '.round-left'],
    ['home', 'home/index', '.meal-card'],
    ['cabinet', 'cabinet/index', '.cabinet-how'],
    ['cabinet-offline', 'cabinet/index?device=NS01-B', '.cabinet-notice .notice'],
    ['opening', `opening/index?session_no=${session_no}`, '.opening-cost'],
    ['cabinet-order', `cabinet-order/index?order_no=${taken}`, '.paying-title'],
    ['complaint', `complaint/index?order_no=${taken}`, '.picture-add'],
    ['complaints', 'complaints/index', '.complaints-state'],
  ] as const) {
    await phone.visit(page, `/#/pages/${path}`)
    await page.locator(what).first().waitFor()
    await shoot(page, `${name}-${language}-dark-largest`)
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), name).toBeLessThanOrEqual(0)
  }
  expect(phone.problems).toEqual([])
  await phone.close()
})

test('a wide window shows a phone’s width', async () => {
  const phone = await Phone.buy(house, { viewport: { width: 1100, height: 760 } })
  const page = await phone.signIn('lina')
  await page.waitForTimeout(300)
  await shoot(page, 'desktop')
  expect(await page.locator('.screen').last().evaluate((found) => (found as HTMLElement).offsetWidth)).toBe(560)
  await phone.close()
})
