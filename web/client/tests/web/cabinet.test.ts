import { beforeEach, expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { house, phone, usePhone } from '../frame'
import { shoot } from '../phone'
import { LONG } from '../till'
import { Cabinet, decide, giveTickets, lastSession, sessions, stranger } from '../vendor'

usePhone()

let cabinet: Cabinet
beforeEach(async () => {
  cabinet = await Cabinet.put(house)
})

const go = (page: Page) => page.locator('.cabinet-go')
const title = (page: Page, text: string) => page.locator('.opening-title', { hasText: text })
const notice = (page: Page, text: string) => page.locator('.cabinet-notice .notice', { hasText: text })
const ready = (page: Page) => page.locator('.cabinet-go:not([aria-disabled])').waitFor(LONG)
const isOpen = (asked: { method?: string; url?: string }) => asked.method === 'POST' && asked.url === '/api/v1/cabinet/sessions'
const opens = () => house.asked.filter(({ what }) => what === 'POST /api/v1/cabinet/sessions')

/** What the test makes of the browser's camera. */
interface Looker {
  BarcodeDetector: unknown
  allows: boolean
  sees: boolean
  stream?: MediaStream
}

/** Somebody who was never here, with so many tickets, on the page of the cabinets. */
async function arrive(tickets = 20_000): Promise<{ page: Page; token: string }> {
  const page = await phone.signIn(stranger())
  const token = await phone.token(page)
  if (tickets) await giveTickets(house, token, tickets)
  await page.locator('.meals-scan').tap()
  await page.locator('.cabinet-how').first().waitFor()
  return { page, token }
}
async function type(page: Page, text: string): Promise<void> {
  await page.locator('.field input').fill(text)
  await page.locator('.cabinet-look').tap()
}
/** As far as the door that was asked for. */
async function ask(tickets?: number): Promise<{ page: Page; token: string; session: string }> {
  const { page, token } = await arrive(tickets)
  await type(page, cabinet.code)
  await ready(page)
  await go(page).tap()
  await title(page, '正在开门').waitFor(LONG)
  return { page, token, session: await lastSession(house, token) }
}

test('a code is typed, the door opens, something is taken, and it is settled by itself', async () => {
  const { page, token } = await arrive()
  await shoot(page, 'cabinet')
  await type(page, cabinet.code)
  await page.locator('.cabinet-name', { hasText: '更衣室柜' }).waitFor(LONG)
  await page.locator('.fact', { hasText: '20,000 张' }).waitFor()
  await page.locator('.cabinet-where .pill', { hasText: '空闲' }).waitFor()
  await ready(page)
  await shoot(page, 'cabinet-scanned')
  await go(page).tap()
  await title(page, '正在开门').waitFor(LONG)
  const session = await lastSession(house, token)
  await shoot(page, 'opening')
  await cabinet.door(session, 'opened')
  await title(page, '门已打开').waitFor(LONG)
  await page.waitForTimeout(600)
  await shoot(page, 'opening-opened')
  await cabinet.door(session, 'closed')
  await title(page, '门已关上').waitFor(LONG)
  await shoot(page, 'opening-closed')
  await cabinet.settle(session, { MILK: 2 })
  await title(page, '结算好了').waitFor(LONG)
  await page.locator('.opening-cost', { hasText: '6,000 张礼票' }).waitFor()
  await page.locator('.fact', { hasText: '鲜榨豆浆' }).filter({ hasText: '× 2' }).waitFor()
  await shoot(page, 'opening-paid')
  expect(opens().length).toBe(1)

  await page.locator('.foot .button', { hasText: '再开一次' }).tap()
  await page.locator('.fact', { hasText: '14,000 张' }).waitFor(LONG)
  await page.locator('.cabinet-orders-entry').tap()
  await page.locator('.card.past', { hasText: '鲜榨豆浆 × 2' }).tap()
  await page.locator('.paying-title', { hasText: '已付款' }).waitFor(LONG)
  await shoot(page, 'cabinet-order')
})

const looks = (session: string) => house.asked.filter(({ what }) => what === `GET /api/v1/cabinet/sessions/${session}`).length
const follows = (session: string) => house.asked.filter(({ what }) => what === `GET /api/v1/cabinet/sessions/${session}/events`).length

test('the server tells how the door goes, and nobody asks', async () => {
  const { page, session } = await ask()
  await expect.poll(() => follows(session)).toBe(1)
  await cabinet.door(session, 'opened')
  await title(page, '门已打开').waitFor(LONG)
  const asked = looks(session)
  // Longer than the pause between two looks.
  await page.waitForTimeout(6_000)
  expect(looks(session)).toBe(asked)
  await cabinet.door(session, 'closed')
  await title(page, '门已关上').waitFor(LONG)
  await cabinet.settle(session, { MILK: 1 })
  await title(page, '结算好了').waitFor(LONG)
  expect([looks(session), follows(session)]).toEqual([asked, 1])
})

test('where the line cannot be had, or breaks, it is asked again', async () => {
  house.after = (asked) => (asked.url!.endsWith('/events') ? 'lose' : undefined)
  const { page, session } = await ask()
  await expect.poll(() => follows(session)).toBe(1)
  await cabinet.door(session, 'opened')
  await title(page, '门已打开').waitFor(LONG)
  await cabinet.trip(session, { MILK: 1 })
  await title(page, '结算好了').waitFor(LONG)
  expect(follows(session)).toBe(1)
  expect(looks(session)).toBeGreaterThan(1)
})

test('the vendor’s own trip, from the code’s whole text', async () => {
  await house.wechat('POST', '/sim/settings', { cabinet_trip_after_s: 1, cabinet_basket: [{ product_code: 'MILK', quantity: 1, unit_price_cents: 600 }] })
  const { page } = await arrive()
  await type(page, ` fanpiao:cabinet:${cabinet.code} `)
  await ready(page)
  await go(page).tap()
  await title(page, '结算好了').waitFor(LONG)
  await page.locator('.opening-cost', { hasText: '3,000 张礼票' }).waitFor()
  await page.locator('.foot .button', { hasText: '完成' }).tap()
  await page.locator('.meal-card').first().waitFor()
  expect(await page.locator('.unsettled').count()).toBe(0)
})

test('nothing is taken, and nothing charged', async () => {
  const { page, session } = await ask()
  await cabinet.trip(session, {})
  await title(page, '没有取走商品').waitFor(LONG)
  await shoot(page, 'opening-nothing')
})

test('too few tickets for what was taken: it is said, no other door opens, and it is paid when there are enough', async () => {
  const { page, token, session } = await ask(2_500)
  await cabinet.trip(session, { RICE: 1, MILK: 1 })
  await title(page, '礼票不够，还没有付').waitFor(LONG)
  await shoot(page, 'opening-unpaid')

  await phone.visit(page, `/#/pages/cabinet/index?device=${cabinet.code}`)
  await notice(page, '还有一笔没付的柜机订单').waitFor(LONG)
  expect(await go(page).getAttribute('aria-disabled')).toBe('true')
  await shoot(page, 'cabinet-unpaid')
  await notice(page, '还有一笔').locator('.button', { hasText: '去支付' }).tap()
  await page.locator('.paying-title', { hasText: '待付款' }).waitFor(LONG)
  await page.locator('.foot .button', { hasText: '付 28,000 张礼票' }).tap()
  await page.locator('.foot-notice', { hasText: '礼票不足' }).waitFor(LONG)
  await shoot(page, 'cabinet-order-refused')
  await giveTickets(house, token, 30_000)
  await page.locator('.foot .button', { hasText: '付 28,000 张礼票' }).tap()
  await page.locator('.paying-title', { hasText: '已付款' }).waitFor(LONG)
  await page.goBack()
  await page.locator('.fact', { hasText: '4,500 张' }).waitFor(LONG)
  await ready(page)
})

/** As a house answers that has no pay score service. */
async function withoutScore(page: Page): Promise<void> {
  await page.route('**/api/v1/cabinet/scan', async (route) => {
    const response = await route.fetch()
    const body = (await response.json()) as { data?: { pay_with: string[]; tickets: number; tickets_needed: number; blocked_by: object | null } }
    if (body.data) {
      const { tickets, tickets_needed: needed, blocked_by } = body.data
      Object.assign(body.data, { pay_with: ['ticket'], blocked_by: blocked_by ?? (tickets < needed ? { reason: 'insufficient_tickets', needed } : null) })
    }
    await route.fulfill({ response, json: body })
  })
}

test('what keeps a door shut is said before anybody asks for it', async () => {
  const { page, token } = await arrive(0)
  await withoutScore(page)
  await type(page, 'NOBODYS-1')
  await notice(page, '请核对柜门上的编号').waitFor(LONG)
  await shoot(page, 'cabinet-unknown')
  await type(page, cabinet.code)
  await notice(page, '礼票不够').waitFor(LONG)
  await notice(page, '开门至少要 2,500 张，现在有 0 张').waitFor()
  await page.locator('.cabinet-way.off', { hasText: '这里没有开通' }).waitFor()
  await shoot(page, 'cabinet-poor')
  await giveTickets(house, token, 2_500)

  await cabinet.is('offline')
  await notice(page, '礼票不够').locator('.button').tap()
  await notice(page, '柜机不在线').waitFor(LONG)
  await page.locator('.cabinet-where .pill', { hasText: '不在线' }).waitFor()
  await shoot(page, 'cabinet-offline')
  await cabinet.is('online')

  const other = await house.member(stranger())
  await giveTickets(house, other, 5_000)
  const { session_no } = await house.call<{ session_no: string }>('POST', '/api/v1/cabinet/sessions', { device_code: cabinet.code, payment_type: 'ticket' }, other)
  await notice(page, '柜机不在线').locator('.button').tap()
  await notice(page, '柜机正有人在用').waitFor(LONG)
  await cabinet.trip(session_no, {})
  await notice(page, '柜机正有人在用').locator('.button').tap()
  await ready(page)
  expect(opens()).toEqual([])
})

test('somebody was quicker: it is refused, nothing is charged, and the way out is shown', async () => {
  const { page } = await arrive()
  await type(page, cabinet.code)
  await ready(page)
  const other = await house.member(stranger())
  await giveTickets(house, other, 5_000)
  await house.call('POST', '/api/v1/cabinet/sessions', { device_code: cabinet.code, payment_type: 'ticket' }, other)
  await go(page).tap()
  await notice(page, '柜机正有人在用').waitFor(LONG)
  expect(opens().length).toBe(1)
})

test('the door does not open: it is said why, nothing is charged, and it can be asked for again', async () => {
  await cabinet.obeys(false)
  const { page, token } = await arrive()
  await type(page, cabinet.code)
  await ready(page)
  await go(page).tap()
  await title(page, '门没有打开').waitFor(LONG)
  await page.locator('.opening-failure', { hasText: '柜机不在线' }).waitFor()
  await shoot(page, 'opening-failed')
  await cabinet.obeys(true)
  await page.locator('.foot .button', { hasText: '再开一次' }).tap()
  await ready(page)
  await go(page).tap()
  await title(page, '正在开门').waitFor(LONG)
  await cabinet.trip(await lastSession(house, token), { MILK: 1 })
  await title(page, '结算好了').waitFor(LONG)
  expect((await sessions(house, token)).map(({ status }) => status)).toEqual(['settled', 'failed'])
})

test('it opened after all: whoever is still there sees it', async () => {
  await cabinet.obeys(false)
  const { page, token } = await arrive()
  await type(page, cabinet.code)
  await ready(page)
  await go(page).tap()
  await title(page, '门没有打开').waitFor(LONG)
  await cabinet.door(await lastSession(house, token), 'opened')
  await title(page, '门已打开').waitFor(LONG)
})

test('the settlement is late: it is said, the app may be left, and finds it again', async () => {
  const { page, session } = await ask()
  await cabinet.door(session, 'opened')
  await cabinet.door(session, 'closed')
  await title(page, '结算比平时慢').waitFor(LONG)
  await shoot(page, 'opening-slow')
  await page.close()

  const next = await phone.page('/')
  await next.locator('.unsettled', { hasText: '有一次开门还没有结束' }).waitFor()
  await shoot(next, 'home-opening')
  await cabinet.settle(session, { MILK: 1 })
  await next.locator('.unsettled').tap()
  await title(next, '结算好了').waitFor(LONG)
  await next.locator('.foot .button', { hasText: '完成' }).tap()
  await next.locator('.meal-card').first().waitFor()
  expect(await next.locator('.unsettled').count()).toBe(0)
})

test('on another phone the opening is found as well', async () => {
  const { page, session } = await ask()
  await page.evaluate(() => {
    for (const name of Object.keys(localStorage)) if (name.endsWith(':opening')) localStorage.removeItem(name)
  })
  await phone.visit(page, '/#/pages/cabinet/index')
  await page.locator('.unsettled', { hasText: '有一次开门还没有结束' }).tap()
  await title(page, '正在开门').waitFor(LONG)
  await cabinet.trip(session, {})
  await title(page, '没有取走商品').waitFor(LONG)
})

test('a person looks at it first: held, and let go', async () => {
  const { page, session } = await ask()
  await cabinet.door(session, 'opened')
  await cabinet.door(session, 'closed')
  await cabinet.settle(session, { MILK: 1 }, 9_900)
  await title(page, '正在人工核对').waitFor(LONG)
  await shoot(page, 'opening-held')
  await decide(house, session, 'dismiss')
  await title(page, '已经结束').waitFor(LONG)
  await shoot(page, 'opening-released')
})

test('the answer is lost and the app is ended: the same key, and one door', async () => {
  const { page, token } = await arrive()
  await type(page, cabinet.code)
  await ready(page)
  house.after = (asked) => (isOpen(asked) ? 'lose' : undefined)
  await go(page).tap()
  await page.locator('.foot-notice', { hasText: '可能已经成功，也可能没有' }).waitFor(LONG)
  await page.locator('.cabinet-may-open').waitFor()
  await shoot(page, 'cabinet-no-answer')
  expect(opens().length).toBe(1)
  house.after = () => {}
  await phone.visit(page, '/#/')
  await page.locator('.unsettled', { hasText: '有一次提交还没有结果' }).tap()
  await page.locator('.foot-notice .button', { hasText: '重试' }).tap()
  await title(page, '正在开门').waitFor(LONG)
  expect([opens().length, new Set(opens().map(({ key }) => key)).size]).toEqual([2, 1])
  expect((await sessions(house, token)).length).toBe(1)
})

test('offline no door is asked for; while one is open, what is known stays, and it goes on by itself', async () => {
  const { page, token } = await arrive()
  await type(page, cabinet.code)
  await ready(page)
  await phone.context.setOffline(true)
  await page.locator('.offline').waitFor()
  await go(page).tap()
  await page.locator('.foot-notice', { hasText: '请求没有发出，没有扣款' }).waitFor()
  expect(opens()).toEqual([])
  await phone.context.setOffline(false)
  await page.locator('.offline').waitFor({ state: 'detached' })
  await page.locator('.foot-notice .button', { hasText: '重试' }).tap()
  await title(page, '正在开门').waitFor(LONG)
  const session = await lastSession(house, token)
  await cabinet.door(session, 'opened')
  await title(page, '门已打开').waitFor(LONG)

  await phone.context.setOffline(true)
  await notice(page, '没有网络').waitFor(LONG)
  await page.locator('.paying-safe', { hasText: '最后知道的情况' }).waitFor()
  await title(page, '门已打开').waitFor()
  await shoot(page, 'opening-offline')
  await cabinet.door(session, 'closed')
  await cabinet.settle(session, { MILK: 1 })
  await phone.context.setOffline(false)
  await title(page, '结算好了').waitFor(LONG)
  expect(opens().length).toBe(1)
})

test('a browser that reads codes looks for itself; one that may not look says so', async () => {
  await phone.context.addInitScript((text) => {
    const here = globalThis as unknown as Looker
    here.BarcodeDetector = class {
      detect = () => Promise.resolve(here.sees ? [{ rawValue: text }] : [])
    }
    // An empty page has no camera at all.
    if (!navigator.mediaDevices) return
    navigator.mediaDevices.getUserMedia = () =>
      here.allows ? Promise.resolve((here.stream = document.createElement('canvas').captureStream())) : Promise.reject(new Error('NotAllowedError'))
  }, `fanpiao:cabinet:${cabinet.code}`)
  const { page } = await arrive()
  const looker = (part: Partial<Looker>) => page.evaluate((part) => void Object.assign(globalThis, part), part)
  const isOver = () => page.evaluate(() => (globalThis as unknown as Looker).stream!.getTracks().every(({ readyState }) => readyState === 'ended'))
  const scan = page.locator('.foot .button', { hasText: '扫柜门二维码' })
  await scan.tap()
  await page.locator('.cabinet-blind', { hasText: '打不开相机' }).waitFor()
  await shoot(page, 'cabinet-blind')
  await looker({ allows: true })
  await scan.tap()
  await page.locator('.camera video').waitFor({ state: 'attached' })
  await shoot(page, 'cabinet-camera')
  await page.locator('.cabinet-orders-entry').tap()
  await page.locator('.nothing').waitFor()
  await expect.poll(isOver).toBe(true)
  await page.goBack()
  await looker({ sees: true })
  await scan.tap()
  await page.locator('.cabinet-name', { hasText: '更衣室柜' }).waitFor(LONG)
  await ready(page)
  await expect.poll(isOver).toBe(true)
})
