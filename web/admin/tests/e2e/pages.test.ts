// Every page as people see it: wide and narrow, light and dark, in both languages, with nothing wrong.

import type { Page } from 'playwright-core'
import { beforeAll, describe, test } from 'vitest'

import { accessible, call, open, shoot, tokenOf } from './browser'
import { atWechat, type Cabinet, dayAfter, freeDay, makeCabinet, member as someone, openingOf, shopper, statusOf, topup, trip, until } from './house'

let token: string
let meal: number
let member: number
let product: number
let round: number
let payment: string
let department: string
let cabinet: Cabinet
let opening: string
let taken: string
let complaint: number
let report: string

beforeAll(async () => {
  token = await tokenOf('admin')
  const { meals } = await call<{ meals: { meal_id: number; ordered_quantity: number }[] }>(token, 'GET', '/api/v1/meals?limit=100')
  meal = meals.sort((a, b) => b.ordered_quantity - a.ordered_quantity)[0]!.meal_id
  const { members } = await call<{ members: { user_id: number }[] }>(token, 'GET', `/api/v1/admin/members?query=${encodeURIComponent('张伟')}`)
  member = members[0]!.user_id
  const { reports } = await call<{ reports: { date: string }[] }>(token, 'GET', '/api/v1/admin/reports?kind=daily&limit=1')
  report = reports[0]!.date
  await trade()
  await take()
})

/** What the demo has none of: something in the shop, money through WeChat, and something that a person has to settle. */
async function trade() {
  const make = async (name_zh: string, price_cents: number) =>
    (await call<{ product_id: number }>(token, 'POST', '/api/v1/admin/products', { name_zh, price_cents, on_sale: true, stock: 30, description: '产地直采，当季新货' })).product_id
  product = await make('明前龙井 50 克', 8_800)
  const cake = await make('手工月饼礼盒', 12_800)
  const closes_at = new Date(Date.now() + 5 * 86_400_000).toISOString()
  round = (await call<{ round_id: number }>(token, 'POST', '/api/v1/admin/rounds', { product_id: cake, total_shares: 20, share_price_cents: 800, closes_at })).round_id
  const [wei, fang] = [await someone('zhangwei'), await someone('wangfang')]
  for (const body of [{ product_id: product, quantity: 2 }, { product_id: cake, quantity: 1, address: '王芳，朝阳路 8 号院 3 号楼，13800000000' }, { round_id: round, quantity: 6 }]) {
    await call((body.product_id === cake ? fang : wei).token, 'POST', '/api/v1/shop/orders', { ...body, pay_with: 'balance' })
  }
  payment = await topup(wei, 20_000)
  await atWechat(`/orders/${payment}/pay`)
  await atWechat(`/orders/${await topup(fang, 30_000)}/pay`, { total: 29_900 })
  await until(async () => (await statusOf(payment)) === 'paid')
  await call(token, 'POST', '/api/v1/admin/refunds', { order_no: payment, amount_cents: 5_000, reason: '多充了，退回一部分' })
  const deptAdmin = await tokenOf('zhou.min')
  const { members: people, departmentId } = await call<{ members: { userId: string }[]; departmentId: string }>(deptAdmin, 'GET', '/api/dining/enhanced/dept-members')
  department = departmentId
  const ids = people.slice(1, 6).map(({ userId }) => userId)
  const members = ids.map((userId) => ({ userId }))
  await call(deptAdmin, 'POST', '/api/dining/enhanced/batch-orders', { orders: [{ date: await dinnerAhead(), mealType: 'dinner', members, remark: '加班' }] })
  // Far ahead, so that nothing is booked.
  const standing = { weekdays: [1, 2, 3, 4, 5], first_date: dayAfter(await freeDay(), 30), department_id: Number(departmentId) }
  const paused = await call<{ subscription_id: number }>(deptAdmin, 'POST', '/api/v1/subscriptions', { ...standing, slot: 'dinner', members: ids })
  await call(deptAdmin, 'POST', `/api/v1/subscriptions/${paused.subscription_id}/pause`)
  await call(deptAdmin, 'POST', '/api/v1/subscriptions', { ...standing, slot: 'lunch', members: ids.slice(0, 3), notes: '午间会议' })
}

/** Something taken from a cabinet, something not paid, and something that nobody can charge. */
async function take() {
  cabinet = await makeCabinet('大堂右柜')
  const buyer = await shopper('顾小北')
  opening = await trip(buyer, cabinet, [{ product_code: 'COLA', quantity: 2 }])
  await trip(await shopper('唐棠', 2_500), cabinet, [{ product_code: 'COLA', quantity: 3 }])
  const dear = await trip(await shopper('徐然'), cabinet, [{ product_code: 'RICE', quantity: 1, unit_price_cents: 5_500 }])
  await until(async () => (await openingOf(dear)).status === 'held')
  taken = (await openingOf(opening)).order!.order_no
  complaint = (await call<{ complaint_id: number }>(buyer.token, 'POST', '/api/v1/complaints', { order_no: taken, text: '门关上以后又弹开了，怕多扣' })).complaint_id
}

/** A day of the demo's on which few have ordered dinner. */
async function dinnerAhead(): Promise<string> {
  const { meals } = await call<{ meals: { date: string; slot: string; status: string; available_capacity: number }[] }>(token, 'GET', '/api/v1/meals?limit=100')
  return meals.find(({ slot, status, available_capacity }) => slot === 'dinner' && status === 'published' && available_capacity === 20)!.date
}

/** Each page with something that is there once it is done loading. */
const PAGES: [string, () => string, (page: Page) => Promise<void>][] = [
  ['dashboard', () => '/', (page) => page.locator('.chart').first().waitFor()],
  ['meals-week', () => '/meals', (page) => page.locator('.card').first().waitFor()],
  ['meals-month', () => '/meals?view=month', (page) => page.locator('a.line').first().waitFor()],
  ['meal', () => `/meals/${meal}`, (page) => page.locator('tbody a').first().waitFor()],
  ['day-orders', () => '/day-orders', (page) => page.locator('tbody a').first().waitFor()],
  ['orders', () => '/orders', (page) => page.locator('tbody a').first().waitFor()],
  ['members', () => '/members', (page) => page.locator('tbody a').first().waitFor()],
  ['member', () => `/members/${member}`, (page) => page.locator('tbody .money').first().waitFor()],
  ['departments', () => '/departments', (page) => page.locator('tbody a').first().waitFor()],
  ['department', () => `/departments/${department}`, (page) => page.locator('.admins li').first().waitFor()],
  ['roles', () => '/roles', (page) => page.locator('tbody a').first().waitFor()],
  ['role', () => '/roles/finance', (page) => page.getByRole('checkbox').first().waitFor()],
  ['wallets', () => '/wallets', (page) => page.locator('tbody a').first().waitFor()],
  ['consistency', () => '/consistency', (page) => page.locator('h1').waitFor()],
  ['jobs', () => '/jobs', (page) => page.locator('tbody a, .problem').first().waitFor()],
  ['kitchen', () => `/meals/${meal}/kitchen`, (page) => page.locator('tbody tr').first().waitFor()],
  ['pickup', () => '/pickup', (page) => page.locator('.list li').first().waitFor()],
  ['booking', () => '/booking', (page) => page.getByRole('gridcell').first().waitFor()],
  ['group-orders', () => '/group-orders', (page) => page.locator('summary, .problem').first().waitFor()],
  ['standing', () => `/standing?department=${department}`, (page) => page.locator('summary, .problem').first().waitFor()],
  ['products', () => '/products', (page) => page.locator('tbody a').first().waitFor()],
  ['product', () => `/products/${product}`, (page) => page.locator('tbody .nowrap').first().waitFor()],
  ['rounds', () => '/rounds', (page) => page.locator('tbody a').first().waitFor()],
  ['round', () => `/rounds/${round}`, (page) => page.locator('.keys code').first().waitFor()],
  ['shop-orders', () => '/shop-orders', (page) => page.locator('tbody a').first().waitFor()],
  ['stores', () => '/stores', (page) => page.locator('tbody a').nth(1).waitFor()],
  ['store', () => `/stores/${cabinet.store_id}`, (page) => page.locator('tbody a').first().waitFor()],
  ['devices', () => '/devices', (page) => page.locator('tbody a').first().waitFor()],
  ['device', () => `/devices/${cabinet.device_id}`, (page) => page.locator('tbody a').first().waitFor()],
  ['planogram', () => `/devices/${cabinet.device_id}/planogram`, (page) => page.getByRole('textbox').nth(4).waitFor()],
  ['cabinet-orders', () => '/cabinet-orders', (page) => page.locator('tbody a').first().waitFor()],
  ['cabinet-order', () => `/cabinet-orders/${taken}`, (page) => page.locator('tbody .nowrap').first().waitFor()],
  ['corrections', () => '/corrections', (page) => page.locator('tbody a, .problem').first().waitFor()],
  ['complaints', () => '/complaints', (page) => page.locator('tbody a').first().waitFor()],
  ['complaint', () => `/complaints/${complaint}`, (page) => page.locator('.talk .said').first().waitFor()],
  ['cabinet-stats', () => '/cabinet-stats', (page) => page.locator('.rank').nth(1).waitFor()],
  ['openings', () => '/openings', (page) => page.locator('tbody .tag').first().waitFor()],
  ['opening', () => `/openings/${opening}`, (page) => page.locator('tbody .nowrap').first().waitFor()],
  ['payments', () => '/payments', (page) => page.locator('tbody a').first().waitFor()],
  ['payment', () => `/payments/${payment}`, (page) => page.locator('.facts code').first().waitFor()],
  ['refunds', () => '/refunds', (page) => page.locator('tbody a, .problem').first().waitFor()],
  ['exceptions', () => '/exceptions', (page) => page.locator('.queue li, .problem').first().waitFor()],
  ['alerts', () => '/alerts', (page) => page.locator('tbody button').first().waitFor()],
  ['reports', () => '/reports', (page) => page.locator('tbody a').first().waitFor()],
  ['report', () => `/reports/daily/${report}`, (page) => page.locator('.figure').first().waitFor()],
  ['report-health', () => `/reports/health/${report}`, (page) => page.locator('.figure').first().waitFor()],
  ['settings', () => '/settings', (page) => page.locator('.settings li').first().waitFor()],
  ['reconciliation', () => '/reconciliation', (page) => page.locator('tbody b, .problem').first().waitFor()],
  ['account', () => '/account', (page) => page.locator('.allows li').first().waitFor()],
  ['audit', () => '/audit', (page) => page.locator('tbody summary').first().waitFor()],
]

/** Whether a page is accessible depends on its colours and on its layout: each is checked once, for it takes seconds. */
const LOOKS = [
  { look: 'light', dark: false, language: 'zh-CN', checked: 390 },
  { look: 'dark', dark: true, language: 'en', checked: 1440 },
] as const

describe.each(PAGES)('%s', (name, path, isThere) => {
  test.each(LOOKS)('$look', async ({ look, checked, ...how }) => {
    const page = await open(`/admin${path()}`, { token, ...how })
    await isThere(page)
    await page.waitForLoadState('networkidle')
    for (const [width, height] of [[1440, 900], [390, 844]] as const) {
      await page.setViewportSize({ width, height })
      await shoot(page, `${name}-${width}-${look}`)
      if (width === checked) await accessible(page)
      // What is wider than the screen makes a phone swim.
      const swims = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
      if (swims) throw new Error(`${name} is wider than ${width} px`)
    }
  })
})
