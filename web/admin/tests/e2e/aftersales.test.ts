// What becomes of a cabinet's order after it was settled: corrected, complained about, counted.

import { deflateSync } from 'node:zlib'

import { expect, test } from 'vitest'

import { accessible, call, choose, open, shoot, tokenOf } from './browser'
import { type Cabinet, makeCabinet, type Member, openingOf, shopper, trip, until } from './house'

const token = await tokenOf('admin')

interface Order {
  total_cents: number
  order_type: string
  correction_waits: boolean
  surcharges: { total_cents: number; payment_status: string }[]
  correction_history: { status: string }[]
}
const orderOf = (order_no: string) => call<Order>(token, 'GET', `/api/v1/cabinet/orders/${order_no}`)

/** An order that somebody has just made. */
async function bought(by: Member, cabinet: Cabinet, goods: Parameters<typeof trip>[2]): Promise<string> {
  const session = await trip(by, cabinet, goods)
  await until(async () => (await openingOf(session)).status === 'settled')
  return (await openingOf(session)).order!.order_no
}

/** Another person of the house who may correct. */
async function colleague(nickname: string): Promise<Member> {
  const someone = await shopper(nickname)
  await call(token, 'PUT', `/api/v1/admin/members/${someone.user_id}/roles/finance`)
  return someone
}

/** A picture of one colour. */
function picture(side = 64): string {
  const crc = (bytes: Buffer) => {
    let sum = ~0
    for (const byte of bytes) {
      sum ^= byte
      for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0)
    }
    return ~sum >>> 0
  }
  const chunk = (kind: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(kind), data])
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    check.writeUInt32BE(crc(body))
    return Buffer.concat([length, body, check])
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(side, 0)
  head.writeUInt32BE(side, 4)
  head.set([8, 2], 8)
  const line = Buffer.concat([Buffer.from([0]), Buffer.alloc(side * 3, Buffer.from([228, 87, 46]))])
  const png = [Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', head), chunk('IDAT', deflateSync(Buffer.concat(Array<Buffer>(side).fill(line)))), chunk('IEND', Buffer.alloc(0))]
  return Buffer.concat(png).toString('base64')
}

async function complain(by: Member, order_no: string, text: string): Promise<number> {
  const { name } = await call<{ name: string }>(by.token, 'POST', '/api/v1/complaints/pictures', { content: picture() })
  return (await call<{ complaint_id: number }>(by.token, 'POST', '/api/v1/complaints', { order_no, text, pictures: [name] })).complaint_id
}

test('an order is corrected: what goes back is said before, and both sides are shown after', async () => {
  const [cabinet, buyer] = [await makeCabinet(), await shopper('白露')]
  const order_no = await bought(buyer, cabinet, [{ product_code: 'COLA', quantity: 2 }])
  const page = await open(`/admin/cabinet-orders/${order_no}`, { token })
  await page.getByRole('button', { name: '修正' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('件数都没有变').waitFor()
  expect(await dialog.getByRole('button', { name: '修正' }).isDisabled()).toBe(true)
  await dialog.getByLabel('实际: 可乐 330ml').fill('x')
  await dialog.getByText('请填写 0 到 1,000 的整数').waitFor()
  await dialog.getByLabel('实际: 可乐 330ml').fill('1')
  await dialog.getByText('退还 ¥3.00（1,500 张礼票）').waitFor()
  await dialog.getByRole('button', { name: '修正' }).click()
  await dialog.getByText('请说明原因').waitFor()
  await dialog.getByLabel('原因').fill('看了录像，只拿了一瓶')
  await accessible(page)
  await shoot(page, 'correction-1440-light')
  await dialog.getByRole('button', { name: '修正' }).click()
  await dialog.waitFor({ state: 'hidden' })
  await page.locator('.facts').getByText('已修正').waitFor()
  await page.getByRole('row', { name: /^可乐 330ml COLA 3.00 2 1 3.00$/ }).waitFor()
  await page.locator('tr', { hasText: '看了录像，只拿了一瓶' }).first().waitFor()
  await page.locator('tr', { hasText: '−3.00' }).first().waitFor()
  await accessible(page)
  await shoot(page, 'cabinet-order-corrected-1440-light')
  expect(await orderOf(order_no)).toMatchObject({ order_type: 'corrected', surcharges: [{ total_cents: -300, payment_status: 'paid' }], correction_history: [{ status: 'done' }] })
})

test('a correction of much money waits: its author may not agree, somebody else does, and of another one refuses', async () => {
  const [cabinet, buyer, second] = [await makeCabinet(), await shopper('秦岭', 200_000), await colleague('财务小郑')]
  const order_no = await bought(buyer, cabinet, [{ product_code: 'COLA', quantity: 1 }])
  const page = await open(`/admin/cabinet-orders/${order_no}`, { token })
  const ask = async () => {
    await page.getByRole('button', { name: '修正' }).click()
    const dialog = page.getByRole('dialog')
    if (await dialog.getByLabel('实际: 珍珠米 5kg').isHidden()) {
      await dialog.getByRole('combobox', { name: '添加商品' }).click()
      await page.getByRole('option', { name: /^珍珠米/ }).click()
    }
    await dialog.getByLabel('实际: 珍珠米 5kg').fill('2')
    await dialog.getByText('差额 +100.00 元，超过一个人能改的金额').waitFor()
    await dialog.getByLabel('原因').fill('录像里还有两袋米')
    await accessible(page)
    await dialog.getByRole('button', { name: '修正' }).click()
    await dialog.waitFor({ state: 'hidden' })
    await page.getByText('有一个修正在等另一个人同意').waitFor()
  }
  await ask()
  await page.getByText('要由另一个人复核').waitFor()
  expect(await page.getByRole('button', { name: '修正', exact: true }).isHidden()).toBe(true)

  const other = await open('/admin/corrections', { token: second.token, width: 390, dark: true })
  const row = other.locator('tr', { hasText: order_no })
  await row.getByText('录像里还有两袋米').waitFor()
  await accessible(other)
  await shoot(other, 'corrections-390-dark')
  await row.getByRole('button', { name: /^驳回/ }).click()
  const sheet = other.getByRole('dialog')
  await sheet.getByText('订单保持原样').waitFor()
  await sheet.getByLabel('原因').fill('录像里不是这位用户')
  await sheet.getByRole('button', { name: '驳回' }).click()
  await row.waitFor({ state: 'detached' })
  expect(await orderOf(order_no)).toMatchObject({ order_type: 'normal', correction_waits: false, surcharges: [], correction_history: [{ status: 'refused' }] })

  await page.reload()
  await page.getByText('录像里不是这位用户').first().waitFor()
  await ask()
  await other.reload()
  await row.getByRole('button', { name: /^同意/ }).click()
  await sheet.getByText('补扣 ¥100.00（50,000 张礼票）').waitFor()
  await accessible(other)
  await sheet.getByRole('button', { name: '同意' }).click()
  await row.waitFor({ state: 'detached' })
  expect(await orderOf(order_no)).toMatchObject({ order_type: 'corrected', correction_waits: false, surcharges: [{ total_cents: 10_000, payment_status: 'paid' }] })
  await page.reload()
  await page.locator('tr', { hasText: '财务小郑' }).first().waitFor()
})

test('a complaint is taken, looked at, answered, paid back in part, and closed', async () => {
  const [cabinet, buyer] = [await makeCabinet(), await shopper('纪晓')]
  const order_no = await bought(buyer, cabinet, [{ product_code: 'COLA', quantity: 2 }])
  const id = await complain(buyer, order_no, '可乐是过期的')
  const page = await open('/admin/complaints', { token, expects: /4\d\d.*refund/ })
  await page.getByRole('button', { name: '待回复' }).click()
  await page.waitForURL(/status=open/)
  const row = page.locator('tr', { hasText: order_no })
  await row.getByText('纪晓').waitFor()
  await accessible(page)
  await shoot(page, 'complaints-1440-light')
  await row.getByRole('link', { name: '可乐是过期的' }).click()
  await page.waitForURL(new RegExp(`/complaints/${id}$`))
  await page.locator('h1', { hasText: '待回复' }).waitFor()
  const shown = page.locator('.pictures img')
  await expect.poll(() => shown.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(64)

  await page.getByRole('button', { name: '我来处理' }).click()
  await page.getByRole('button', { name: '放下' }).waitFor()
  await page.getByRole('button', { name: '回复', exact: true }).click()
  await page.getByText('请填写回复').waitFor()
  await page.getByLabel('回复用户').fill('抱歉，我们马上下架')
  await page.getByRole('button', { name: '回复', exact: true }).click()
  await page.locator('.ours', { hasText: '抱歉，我们马上下架' }).waitFor()
  await page.locator('h1', { hasText: '已回复' }).waitFor()

  await page.getByRole('button', { name: '退还' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('退还金额').fill('60')
  await dialog.getByRole('alert').first().waitFor()
  expect(await dialog.getByRole('button', { name: '退还' }).isDisabled()).toBe(true)
  await dialog.getByLabel('退还金额').fill('3')
  await dialog.getByText('退还 纪晓 ¥3.00（1,500 张礼票）').waitFor()
  await dialog.getByLabel('原因').fill('一瓶过期')
  await accessible(page)
  await shoot(page, 'complaint-refund-1440-light')
  await dialog.getByRole('button', { name: '退还' }).click()
  await page.locator('.facts').getByText('¥3.00').waitFor()
  expect((await orderOf(order_no)).surcharges).toMatchObject([{ total_cents: -300 }])

  await accessible(page)
  await shoot(page, 'complaint-1440-light')
  await page.getByLabel('回复用户').fill('已退还一瓶的礼票')
  await page.getByRole('button', { name: '回复并结束' }).click()
  await page.getByText('投诉已结束，不能再回复').waitFor()
  await page.getByLabel('回复用户').waitFor({ state: 'detached' })
  expect(await call(buyer.token, 'GET', `/api/v1/complaints/${id}`)).toMatchObject({ status: 'closed', refunded_cents: 300, answers: [{ text: '抱歉，我们马上下架' }, { text: '已退还一瓶的礼票' }] })
})

test('a complaint is given to a colleague, who finds it under the own name', async () => {
  const [cabinet, buyer, other] = [await makeCabinet(), await shopper('阮清'), await colleague('财务小孟')]
  const id = await complain(buyer, await bought(buyer, cabinet, [{ product_code: 'COLA', quantity: 1 }]), '灯不亮')
  const page = await open(`/admin/complaints/${id}`, { token })
  await choose(page, '交给同事', '财务小孟 · 财务')
  await page.getByText('已交给财务小孟').waitFor()
  await page.locator('.facts').getByText('财务小孟').waitFor()
  await accessible(page)
  await shoot(page, 'complaint-given-1440-light')

  const theirs = await open(`/admin/complaints/${id}`, { token: other.token, width: 390 })
  await theirs.getByRole('button', { name: '放下' }).waitFor()
  await accessible(theirs)
  await shoot(theirs, 'complaint-given-390-light')
  const { records } = await call<{ records: { before: unknown; after: unknown }[] }>(token, 'GET', `/api/v1/admin/audit?object_kind=complaint&object_id=${id}&action=complaint.assign`)
  expect(records).toMatchObject([{ before: { owner: null }, after: { owner: other.user_id } }])
})

test('an answer that is lost is sent again and said once', async () => {
  const [cabinet, buyer] = [await makeCabinet(), await shopper('池塘')]
  const id = await complain(buyer, await bought(buyer, cabinet, [{ product_code: 'COLA', quantity: 1 }]), '门关不上')
  const page = await open(`/admin/complaints/${id}`, { token, width: 390, dark: true, expects: /ERR_FAILED.*answer/ })
  const keys: string[] = []
  await page.route('**/answer', async (route) => {
    keys.push(route.request().headers()['idempotency-key']!)
    if (keys.length > 1) return route.continue()
    await route.fetch()
    return route.abort()
  })
  await page.getByLabel('回复用户').fill('已派人去看')
  await page.getByRole('button', { name: '回复', exact: true }).click()
  await page.getByText('结果未知').waitFor()
  await page.getByRole('button', { name: '回复', exact: true }).click()
  await page.locator('.ours', { hasText: '已派人去看' }).waitFor()
  await accessible(page)
  await shoot(page, 'complaint-390-dark')
  expect([keys.length, new Set(keys).size]).toEqual([2, 1])
  expect((await call<{ answers: unknown[] }>(buyer.token, 'GET', `/api/v1/complaints/${id}`)).answers.length).toBe(1)
})

test('figures: by store, device, product and hour, as a picture and as the same numbers in a table', async () => {
  const [cabinet, buyer] = [await makeCabinet('统计柜'), await shopper('沈数')]
  await bought(buyer, cabinet, [{ product_code: 'COLA', quantity: 3 }])
  const page = await open('/admin/cabinet-stats', { token })
  const sales = page.locator('.sales')
  await sales.locator('li', { hasText: '统计柜的门店' }).getByText('¥9.00').waitFor()
  await sales.getByRole('button', { name: '看表格' }).click()
  await page.getByRole('row', { name: '统计柜的门店 1 9.00 9.00' }).waitFor()
  await sales.getByRole('button', { name: '柜机' }).click()
  await page.waitForURL(/by=device/)
  await page.getByRole('row', { name: /^统计柜 · \S+ 1 9.00 9.00$/ }).waitFor()
  await sales.getByRole('button', { name: '商品' }).click()
  await sales.getByRole('row', { name: /^可乐 330ml 3 9.00 9.00/ }).first().waitFor()
  await sales.getByRole('button', { name: '时段' }).click()
  await expect.poll(() => sales.locator('tbody tr').count()).toBe(24)
  await sales.getByRole('button', { name: '看图' }).click()
  await sales.locator('.chart').waitFor()
  await accessible(page)
  await shoot(page, 'cabinet-stats-hour-1440-light')

  const online = page.locator('.online')
  await online.locator('li', { hasText: '统计柜' }).first().waitFor()
  await online.getByRole('button', { name: '看表格' }).click()
  await online.locator('tr', { hasText: '统计柜' }).first().waitFor()
  await accessible(page)
  await page.getByRole('button', { name: '最近 7 天' }).click()
  await page.waitForURL(/from=/)
  await page.reload()
  await sales.locator('.chart').waitFor()
  expect(await page.getByRole('button', { name: '最近 7 天' }).getAttribute('aria-pressed')).toBe('true')
})
