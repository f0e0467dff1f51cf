import { beforeEach, expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { house, phone, usePhone } from '../frame'
import { shoot } from '../phone'
import { LONG } from '../till'
import { Cabinet, giveTickets, stranger } from '../vendor'

usePhone()

let cabinet: Cabinet
beforeEach(async () => {
  cabinet = await Cabinet.put(house)
})

interface Complaint {
  complaint_id: number
  text: string
  pictures: unknown[]
}

/** Somebody on the page of an order that they have just made. */
async function bought(taken: Record<string, number>, tickets = 20_000): Promise<{ page: Page; token: string; order: string }> {
  const page = await phone.signIn(stranger())
  const token = await phone.token(page)
  await giveTickets(house, token, tickets)
  const { session_no } = await house.call<{ session_no: string }>('POST', '/api/v1/cabinet/sessions', { device_code: cabinet.code, payment_type: 'ticket' }, token)
  await cabinet.trip(session_no, taken)
  const found = async () => (await house.call<{ order: { order_no: string } | null }>('GET', `/api/v1/cabinet/sessions/${session_no}`, undefined, token)).order?.order_no
  await expect.poll(found, { timeout: 20_000 }).toBeTruthy()
  const order = (await found())!
  await phone.visit(page, `/#/pages/cabinet-order/index?order_no=${order}`)
  await page.locator('.paying-title').waitFor(LONG)
  return { page, token, order }
}
const complaintsOf = async (token: string) => (await house.call<{ complaints: Complaint[] }>('GET', '/api/v1/complaints', undefined, token)).complaints
async function correct(order: string, quantity: number): Promise<void> {
  await house.call('POST', `/api/v1/admin/cabinet/orders/${order}/correct`, { items: [{ product_code: 'MILK', quantity }], reason: '录像里只有一杯' }, await house.tokenOf('admin'))
}
async function says(complaint: number, what: 'answer' | 'close', text: string): Promise<void> {
  await house.call('POST', `/api/v1/admin/complaints/${complaint}/${what}`, { text }, await house.tokenOf('admin'))
}
async function complain(token: string, order: string, text: string): Promise<number> {
  return (await house.call<Complaint>('POST', '/api/v1/complaints', { order_no: order, text, pictures: [] }, token)).complaint_id
}
/** What a camera would bring: larger than it may be sent. */
async function photograph(page: Page): Promise<Buffer> {
  const url = await page.evaluate(() => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 3_000, height: 2_000 })
    const pen = canvas.getContext('2d')!
    pen.fillStyle = '#e4572e'
    pen.fillRect(0, 0, 3_000, 2_000)
    return canvas.toDataURL('image/jpeg')
  })
  return Buffer.from(url.split(',')[1]!, 'base64')
}
async function attach(page: Page): Promise<void> {
  const buffer = await photograph(page)
  const chooser = page.waitForEvent('filechooser')
  await page.locator('.picture-add').tap()
  await (await chooser).setFiles([{ name: 'a.jpg', mimeType: 'image/jpeg', buffer }])
}
const send = (page: Page) => page.locator('.foot .button', { hasText: '提交投诉' })

test('what was corrected is told in the order, with what went back and why', async () => {
  const { page, order } = await bought({ MILK: 2 })
  await correct(order, 1)
  await page.reload()
  await page.locator('.fact', { hasText: '鲜榨豆浆' }).filter({ hasText: '× 1' }).waitFor(LONG)
  await page.locator('.cabinet-settled', { hasText: '鲜榨豆浆 × 2' }).waitFor()
  await page.locator('.opening-cost', { hasText: '3,000 张礼票' }).waitFor()
  const notice = page.locator('.line', { hasText: '退还 3,000 张礼票' })
  await notice.getByText('录像里只有一杯').waitFor()
  await shoot(page, 'cabinet-order-corrected')
  await notice.locator('.tap').tap()
  await page.locator('.fact', { hasText: '原订单' }).getByText(order).waitFor(LONG)
})

test('a complaint with a picture: sent, seen, answered, given back, closed, and another one may be made', async () => {
  const { page, token, order } = await bought({ MILK: 2 })
  await page.locator('.cabinet-complain').tap()
  await page.locator('.complaint-about', { hasText: order }).waitFor(LONG)
  expect(await send(page).getAttribute('aria-disabled')).toBe('true')
  await page.locator('.field textarea').fill('豆浆是酸的')
  await attach(page)
  await page.locator('.picture-shell').waitFor(LONG)
  await shoot(page, 'complaint-new')
  await send(page).tap()
  const card = page.locator('.complaint-card')
  await card.getByText('豆浆是酸的').waitFor(LONG)
  await card.locator('.pill', { hasText: '等待回复' }).waitFor()
  await send(page).waitFor({ state: 'detached' })
  const [made] = await complaintsOf(token)
  expect(made).toMatchObject({ text: '豆浆是酸的', pictures: [{ width: 1_600, height: 1_067 }] })

  await says(made!.complaint_id, 'answer', '抱歉，这就给您退')
  await house.call('POST', `/api/v1/admin/complaints/${made!.complaint_id}/refund`, { amount_cents: 600, reason: '一杯变质' }, await house.tokenOf('admin'))
  await page.reload()
  await card.locator('.complaint-answer', { hasText: '抱歉，这就给您退' }).waitFor(LONG)
  await card.locator('.complaint-refund', { hasText: '已退还 3,000 张礼票' }).waitFor()
  await shoot(page, 'complaint-answered')
  await phone.visit(page, `/#/pages/cabinet-order/index?order_no=${order}`)
  await page.locator('.cabinet-complain .pill', { hasText: '已回复' }).waitFor(LONG)
  await page.locator('.line', { hasText: '退还 3,000 张礼票' }).getByText('因投诉退还').waitFor()

  await says(made!.complaint_id, 'close', '已处理完')
  await page.locator('.cabinet-complain').tap()
  await card.locator('.pill', { hasText: '已结束' }).waitFor(LONG)
  await send(page).waitFor()
})

test('what was written and the pictures that are there outlive the app', async () => {
  const { page, order } = await bought({ MILK: 1 })
  await page.locator('.cabinet-complain').tap()
  await page.locator('.field textarea').fill('写到一半')
  await attach(page)
  await page.locator('.picture-shell').waitFor(LONG)
  await page.close()
  const next = await phone.page(`/#/pages/complaint/index?order_no=${order}`)
  await expect.poll(() => next.locator('.field textarea').inputValue(), { timeout: 20_000 }).toBe('写到一半')
  await next.locator('.picture-shell').waitFor()
  await next.locator('.picture-drop').tap()
  await next.locator('.picture-shell').waitFor({ state: 'detached' })
})

test('a picture whose answer is lost goes again under the same key; so does the complaint, and it is made once', async () => {
  const { page, token } = await bought({ MILK: 1 })
  await page.locator('.cabinet-complain').tap()
  await page.locator('.field textarea').fill('门夹手了')
  const sent = (what: string) => house.asked.filter((asked) => asked.what === `POST ${what}`)
  house.after = (asked) => (asked.url === '/api/v1/complaints/pictures' ? 'lose' : undefined)
  await attach(page)
  await page.locator('.notice .button', { hasText: '重试' }).waitFor(LONG)
  expect(await send(page).getAttribute('aria-disabled')).toBe('true')
  house.after = (asked) => (asked.method === 'POST' && asked.url === '/api/v1/complaints' ? 'lose' : undefined)
  await page.locator('.notice .button', { hasText: '重试' }).tap()
  await page.locator('.picture-shell').waitFor(LONG)
  const pictures = sent('/api/v1/complaints/pictures')
  expect([pictures.length, new Set(pictures.map(({ key }) => key)).size]).toEqual([2, 1])

  await send(page).tap()
  await page.locator('.foot-notice', { hasText: '可能已经成功，也可能没有' }).waitFor(LONG)
  house.after = () => {}
  await phone.visit(page, '/#/')
  await page.locator('.unsettled', { hasText: '有一次提交还没有结果' }).tap()
  await page.locator('.foot-notice .button', { hasText: '重试' }).tap()
  await page.locator('.complaint-card', { hasText: '门夹手了' }).waitFor(LONG)
  const complaints = sent('/api/v1/complaints')
  expect([complaints.length, new Set(complaints.map(({ key }) => key)).size, (await complaintsOf(token)).length]).toEqual([2, 1, 1])
})

test('all complaints: none yet, then what is answered is told at a glance until it was read', async () => {
  const { page, token, order } = await bought({ MILK: 2 })
  const list = async () => {
    await phone.visit(page, '/#/')
    await page.locator('.tab').last().tap()
    await page.locator('.me-complaints').waitFor(LONG)
  }
  await list()
  await page.locator('.me-complaints').tap()
  await page.locator('.nothing', { hasText: '还没有投诉过' }).waitFor(LONG)
  await shoot(page, 'complaints-none')

  const made = await complain(token, order, '豆浆是酸的')
  await page.reload()
  const row = page.locator('.card.past', { hasText: '豆浆是酸的' })
  await row.locator('.pill', { hasText: '等待回复' }).waitFor(LONG)
  expect(await row.locator('.pill').count()).toBe(1)

  await says(made, 'answer', '抱歉，这就给您退')
  await house.call('POST', `/api/v1/admin/complaints/${made}/refund`, { amount_cents: 600, reason: '一杯变质' }, await house.tokenOf('admin'))
  await list()
  await page.locator('.me-complaints .pill', { hasText: '有新进展' }).waitFor(LONG)
  await page.locator('.me-complaints').tap()
  await row.locator('.pill', { hasText: '有新进展' }).waitFor(LONG)
  await row.locator('.pill', { hasText: '已回复' }).waitFor()
  await row.getByText('客服 · 抱歉，这就给您退').waitFor()
  await row.getByText('已退还 3,000 张礼票').waitFor()
  await shoot(page, 'complaints')
  await row.tap()
  await page.locator('.complaint-answer', { hasText: '抱歉，这就给您退' }).waitFor(LONG)
  await page.goBack()
  await row.locator('.pill', { hasText: '有新进展' }).waitFor({ state: 'detached' })
  await row.locator('.pill', { hasText: '已回复' }).waitFor()

  await phone.context.setOffline(true)
  await row.tap()
  await page.locator('.complaint-page .offline').waitFor()
  await page.locator('.complaint-answer', { hasText: '抱歉，这就给您退' }).waitFor()
  await phone.context.setOffline(false)
  const told = page.waitForResponse(/complaints\?limit=20/)
  await list()
  await told
  expect(await page.locator('.me-complaints .pill').count()).toBe(0)
})

test('all complaints: page by page, and without a network what was seen before', async () => {
  const { page, token, order } = await bought({ MILK: 1 })
  for (let at = 0; at < 22; at++) await says(await complain(token, order, `第 ${at} 次`), 'close', '看过了')
  await phone.visit(page, '/#/')
  await page.locator('.tab').last().tap()
  await page.locator('.me-complaints').tap()
  const rows = page.locator('.card.past .past-title')
  await page.locator('.lesser', { hasText: '更多' }).waitFor(LONG)
  expect(await rows.allInnerTexts()).toEqual(Array.from({ length: 20 }, (_, at) => `第 ${21 - at} 次`))
  await page.mouse.wheel(0, 5_000)
  await page.locator('.end', { hasText: '没有更多了' }).waitFor(LONG)
  expect(await rows.count()).toBe(22)

  await page.goBack()
  await phone.context.setOffline(true)
  await page.locator('.offline').first().waitFor()
  await page.locator('.me-complaints').tap()
  await page.locator('.complaints-page .notice .button', { hasText: '重试' }).waitFor(LONG)
  expect(await rows.count()).toBe(20)
  await phone.context.setOffline(false)
  await page.locator('.complaints-page .notice .button', { hasText: '重试' }).tap()
  await page.locator('.lesser', { hasText: '更多' }).waitFor(LONG)
  expect(await rows.count()).toBe(20)
})
