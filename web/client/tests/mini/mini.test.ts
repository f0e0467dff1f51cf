import { beforeAll, expect, test } from 'vitest'
import { today } from '@/logic/dates'
import { house, useHouse } from '../frame'
import type { Mine } from '../house'
import { allowAsked, atVendor, Cabinet, giveTickets, lastSession, sessions, stranger } from '../vendor'
import { buildForTests, WeChat } from './wechat'

useHouse()

let phone: WeChat
let codes = 0

beforeAll(() => {
  buildForTests()
  phone = new WeChat(house)
})

const isOrder = (asked: { method?: string; url?: string }) => asked.method === 'POST' && asked.url === '/api/v1/orders'
const token = () => (JSON.parse(phone.storage.session!) as { token: string }).token

async function signIn(name: string): Promise<void> {
  for (const key of Object.keys(phone.storage)) delete phone.storage[key]
  phone.code = `sim-${name}-mini${codes++}`
  await phone.launch()
  await phone.until(() => phone.page.all('.meal-card').length > 0, 'meals are shown')
}

test('WeChat says who it is, and the week is shown', async () => {
  await signIn('zhangwei')
  expect(phone.page.text()).toContain('早餐')
  expect(phone.page.all('.week-day').length).toBe(7)
  expect(phone.page.all('.meal-card').length).toBe(3)
  expect(phone.page.instance.onShareAppMessage()).toEqual({ title: '一起来订餐', path: '/pages/home/index' })
})

test('a meal is chosen, priced, ordered, changed and canceled', async () => {
  const meal = await house.meal()
  await signIn('lina')
  const before = await house.standing(token(), meal)
  wx().navigateTo({ url: `/pages/meal/index?meal_id=${meal}` })
  await phone.sees('¥18.00')
  await phone.page.tap('.option', '加卤蛋')
  await phone.page.tapLast('.step')
  await phone.until(() => phone.page.all('.foot-price')[0]?.dom.textContent === '¥40.00', 'the price is ¥40.00')
  await phone.page.tap('.button', '下单')
  await phone.sees('下单成功')
  expect(await house.standing(token(), meal)).toMatchObject({ balance: before.balance - 4000, order: { quantity: 2 } })

  await phone.sees('已订 2 份')
  await phone.page.tap('.option', '不要米饭')
  await phone.sees('退 ¥2.00')
  await phone.page.tap('.button', '退 ¥2.00')
  await phone.sees('修改已保存')
  expect((await house.standing(token(), meal)).balance).toBe(before.balance - 3800)

  await phone.page.tap('.button', '取消订单')
  await phone.sees('会立刻退回余额')
  await phone.page.tap('.confirm-button', '取消订单')
  await phone.sees('订单已取消')
  expect(await house.standing(token(), meal)).toMatchObject({ balance: before.balance, order: null })
})

test('a lost answer and a killed app: the same key, charged once', async () => {
  const meal = await house.meal()
  await signIn('liuyang')
  const before = await house.standing(token(), meal)
  house.asked.length = 0
  wx().navigateTo({ url: `/pages/meal/index?meal_id=${meal}` })
  await phone.until(() => phone.page.all('.foot-price')[0]?.dom.textContent === '¥18.00', 'the price is shown')
  house.after = (asked) => (isOrder(asked) ? 'lose' : undefined)
  await phone.page.tap('.button', '下单')
  await phone.sees('可能已经成功，也可能没有')

  house.after = () => {}
  await phone.launch()
  await phone.sees('有一次提交还没有结果')
  await phone.page.tap('.unsettled')
  await phone.sees('不会重复扣款')
  await phone.page.tap('.button', '重试')
  await phone.sees('下单成功')
  const keys = house.asked.filter(({ what }) => what === 'POST /api/v1/orders').map(({ key }) => key)
  expect([keys.length, new Set(keys).size]).toEqual([2, 1])
  expect(await house.standing(token(), meal)).toMatchObject({ balance: before.balance - 1800, entries: before.entries + 1 })
})

test('offline nothing is sent, and it is said', async () => {
  const meal = await house.meal()
  await signIn('zhaolei')
  wx().navigateTo({ url: `/pages/meal/index?meal_id=${meal}` })
  await phone.until(() => phone.page.all('.foot-price')[0]?.dom.textContent === '¥18.00', 'the price is shown')
  phone.setOnline(false)
  await phone.sees('当前没有网络')
  await phone.page.tap('.button', '下单')
  await phone.sees('没有扣款')
  phone.setOnline(true)
  await phone.page.tap('.button', '重试')
  await phone.sees('下单成功')
})

async function topup(name: string): Promise<void> {
  await signIn(name)
  house.asked.length = 0
  phone.calls.length = 0
  await phone.page.tap('.tab', '我的')
  await phone.sees('账户余额')
  await phone.page.tap('.purse-topup')
  await phone.sees('¥200')
  await phone.page.tap('.amount-tap', '¥200')
}

test('a top-up: paid in WeChat, and in the balance', async () => {
  phone.pays = (prepay_id) => house.wechat('POST', '/sim/pay', { prepay_id })
  await topup('chenjing')
  const before = await house.balance(token())
  await phone.page.tap('.topup-go')
  await phone.sees('已到账')
  expect(await house.balance(token())).toBe(before + 20_000)
  const asked = phone.calls.filter(({ name }) => name === 'requestPayment').pop()!.options
  expect([asked.signType, asked.package.startsWith('prepay_id='), asked.paySign.length > 300]).toEqual(['RSA', true, true])
  await phone.page.tap('.button', '看余额')
  await phone.sees('账户余额')
})

test('a top-up: the person turns back, and pays after all, the callback lost', async () => {
  phone.pays = () => Promise.reject(new Error('requestPayment:fail cancel'))
  await topup('yangfan')
  const before = await house.balance(token())
  await phone.page.tap('.topup-go')
  await phone.sees('你取消了付款')
  expect(await house.balance(token())).toBe(before)
  const { order_no } = await house.topup(token())
  phone.pays = () => house.pay(order_no, { notice: { lose: true } })
  await phone.page.tap('.button', '去微信付款')
  await phone.sees('已到账')
  expect(await house.balance(token())).toBe(before + 20_000)
  expect(house.asked.filter(({ what }) => what === 'POST /api/v1/recharge/orders').length).toBe(1)
})

test('a top-up: the app is killed while the person pays, and finds it again', async () => {
  phone.pays = () => new Promise(() => {})
  await topup('huangmin')
  const before = await house.balance(token())
  await phone.page.tap('.topup-go')
  await phone.until(() => phone.calls.some(({ name }) => name === 'requestPayment'), 'WeChat is open')
  const { order_no } = await house.topup(token())
  await house.pay(order_no, { notice: { lose: true } })
  await phone.launch()
  wx().navigateTo({ url: '/pages/topup/index' })
  await phone.sees('待支付')
  await phone.page.tap('.ledger')
  await phone.sees('等待付款')
  await phone.page.tap('.button', '我已付款')
  await phone.sees('已到账')
  expect(await house.balance(token())).toBe(before + 20_000)
})

test('a top-up: the answer is lost, the retry has the same key, and there is one order', async () => {
  phone.pays = () => Promise.reject(new Error('requestPayment:fail cancel'))
  await topup('wuxia')
  house.after = (asked) => (asked.method === 'POST' && asked.url === '/api/v1/recharge/orders' ? 'lose' : undefined)
  await phone.page.tap('.topup-go')
  await phone.sees('可能已经成功，也可能没有')
  house.after = () => {}
  await phone.page.tap('.button', '重试')
  await phone.sees('你取消了付款')
  const keys = house.asked.filter(({ what }) => what === 'POST /api/v1/recharge/orders').map(({ key }) => key)
  expect([keys.length, new Set(keys).size]).toEqual([2, 1])
  expect((await house.call<{ total_count: number }>('GET', '/api/v1/recharge/orders', undefined, token())).total_count).toBe(1)
})

test('the shop: bought, the answer lost, asked again, and called off', async () => {
  const product = await house.product({ name_zh: '桂花糕' })
  await signIn('xugang')
  const before = await house.balance(token())
  house.asked.length = 0
  await phone.page.tap('.tab', '小店')
  await phone.sees('桂花糕')
  await phone.page.tap('.ware', '桂花糕')
  await phone.until(() => phone.page.all('.foot-price')[0]?.dom.textContent === '¥68.00', 'the price is shown')
  expect(phone.page.instance.onShareAppMessage()).toMatchObject({ path: `/pages/goods/index?product_id=${product}` })
  house.after = (asked) => (asked.method === 'POST' && asked.url === '/api/v1/shop/orders' ? 'lose' : undefined)
  await phone.page.tap('.button', '用余额付款')
  await phone.sees('可能已经成功，也可能没有')
  house.after = () => {}
  await phone.page.tap('.button', '重试')
  await phone.sees('买到 1 件')
  expect(new Set(house.asked.filter(({ what }) => what === 'POST /api/v1/shop/orders').map(({ key }) => key)).size).toBe(1)
  expect(await house.balance(token())).toBe(before - 6800)
  await phone.page.tap('.button', '看这笔购买')
  await phone.sees('已付款')
  await phone.page.tap('.button', '取消订单')
  await phone.sees('会立刻退回余额')
  await phone.page.tap('.confirm-button', '取消订单')
  await phone.until(() => !phone.page.text().includes('已付款'), 'it is called off')
  expect(await house.balance(token())).toBe(before)
})

test('the shop: paid in WeChat; turned back from there, paid from the balance after all', async () => {
  const product = await house.product({ name_zh: '绿豆糕' })
  phone.pays = (prepay_id) => house.wechat('POST', '/sim/pay', { prepay_id })
  await signIn('liangbo')
  const before = await house.balance(token())
  const choose = async () => {
    wx().navigateTo({ url: `/pages/goods/index?product_id=${product}` })
    await phone.sees('微信支付')
    await phone.page.tap('.segment', '微信支付')
    await phone.until(() => phone.page.all('.foot-price')[0]?.dom.textContent === '¥68.00', 'the price is shown')
    await phone.page.tap('.button', '用微信付款')
  }
  await choose()
  await phone.sees('已付款')
  expect(await house.balance(token())).toBe(before)

  phone.pays = () => Promise.reject(new Error('requestPayment:fail cancel'))
  await choose()
  await phone.sees('你取消了付款')
  await phone.page.tap('.segment', '余额')
  await phone.sees('付款后余额')
  await phone.page.tap('.button', '用余额付款')
  await phone.sees('已付款')
  expect(await house.balance(token())).toBe(before - 6800)
})

test('a list goes on at its end, and is there without a network after the app was killed', async () => {
  const product = await house.product({ name_zh: '桂花茶', price_cents: 100, stock: 30 })
  await signIn('liangbo')
  for (let at = 0; at < 21; at++) await house.call('POST', '/api/v1/shop/orders', { product_id: product, quantity: 1, pay_with: 'balance' }, token())
  wx().navigateTo({ url: '/pages/shop-orders/index' })
  await phone.until(() => phone.page.all('.past').length === 20, 'twenty purchases are shown')
  phone.page.instance.onReachBottom()
  await phone.until(() => phone.page.all('.past').length > 20, 'more are shown')
  await phone.page.instance.onPullDownRefresh()
  await phone.until(() => phone.page.all('.past').length === 20, 'it begins again')

  phone.setOnline(false)
  await phone.launch()
  wx().navigateTo({ url: '/pages/shop-orders/index' })
  await phone.sees('桂花茶')
  await phone.sees('没有网络')
  phone.setOnline(true)
})

test('a round: counted down, sold out, drawn, and checked without any crypto of the platform', async () => {
  const round = await house.round(await house.product(), { total_shares: 3 })
  await signIn('guoying')
  wx().navigateTo({ url: `/pages/goods/index?round_id=${round}` })
  await phone.sees('1 天')
  await phone.until(() => phone.page.all('.foot-price')[0]?.dom.textContent === '¥1.00', 'the price is shown')
  await phone.page.tap('.button', '用余额付款')
  await phone.sees('买到 1 份')
  await house.call('POST', '/api/v1/shop/orders', { round_id: round, quantity: 2, pay_with: 'balance' }, await house.member('mahui'))
  await house.call('POST', `/api/v1/admin/rounds/${round}/draw`, undefined, await house.tokenOf('admin')).catch(() => undefined)
  await phone.page.instance.onPullDownRefresh()
  await phone.sees('自己验算')
  await phone.page.tap('.round-check')
  await phone.sees('验算通过')
  wx().navigateTo({ url: '/pages/shop-orders/index' })
  await phone.until(() => phone.page.all('.past').length > 0, 'the purchases are shown')
})

test('a department is booked for', async () => {
  await phone.launch()
  for (const key of Object.keys(phone.storage)) delete phone.storage[key]
  const signedIn = await house.call<object>('POST', '/api/v1/auth/password', { account: 'zhou.min', password: house.passwords.deptAdmin })
  const { token: own, user_info } = signedIn as { token: string; user_info: object }
  phone.storage.session = JSON.stringify({ token: own, me: user_info })
  await phone.launch()
  await phone.until(() => phone.page.all('.meal-card').length > 0, 'meals are shown')
  await phone.page.tap('.tab', '我的')
  await phone.sees('部门报餐')
  await phone.page.tap('.me-department')
  await phone.until(() => phone.page.all('.book-day').length > 0, 'the meals are shown')
  await phone.page.tap('.chip', '张伟')
  await phone.sees('已选 1 人')
  // The last day: nobody has ordered there.
  await phone.page.tapLast('.book-day >>> .chip')
  await phone.until(() => /¥\d/.test(phone.page.all('.foot-price')[0]?.dom.textContent ?? ''), 'the price is shown')
  house.after = (asked) => (asked.url === '/api/dining/enhanced/quick-batch-orders' ? 'lose' : undefined)
  await phone.page.tap('.button', '报餐')
  await phone.sees('可能已经成功，也可能没有')
  house.after = () => {}
  await phone.page.tap('.button', '重试')
  await phone.sees('已全部报好')

  await phone.page.tap('.me-entry', '部门长期订餐')
  await phone.until(() => phone.page.all('.standing-people >>> .chip').length > 0, 'the members are shown')
  await phone.page.tap('.standing-people >>> .chip', '刘洋')
  await phone.page.tap('.standing-go')
  await phone.sees('工作日 · 午餐')
  expect(phone.page.all('.standing')[0]!.dom.textContent).toContain('刘洋')
})

test('a time to fetch it is chosen with the order', async () => {
  const meal = await house.meal({ pickup_windows: ['11:30-12:00', '12:00-12:30'] })
  await signIn('wangfang')
  wx().navigateTo({ url: `/pages/meal/index?meal_id=${meal}` })
  await phone.sees('取餐时间')
  await phone.page.tap('.chip', '12:00–12:30')
  await phone.page.tap('.option', '加卤蛋')
  await phone.until(() => phone.page.all('.foot-price')[0]?.dom.textContent === '¥20.00', 'the price is ¥20.00')
  await phone.page.tap('.button', '下单')
  await phone.sees('下单成功')
  const { my_order } = await house.call<Mine>('GET', `/api/v1/meals/${meal}`, undefined, token())
  expect(my_order!.pickup_window).toBe('12:00-12:30')
  wx().navigateTo({ url: `/pages/order/index?order_id=${my_order!.order_id}` })
  await phone.sees('请在 12:00–12:30 到窗口出示')
})

test('the code is one tap away, and says when it was used', async () => {
  const { name, meals } = await house.hungry(today())
  await signIn(name)
  await phone.until(() => phone.page.all('.code-strip').length === meals.length, 'the codes are there')
  await phone.page.tap('.code-strip', meals[0]!.my_order!.pickup_code)
  await phone.sees('取餐码')
  expect(phone.page.all('.pickup-letters')[0]!.dom.textContent).toBe(meals[0]!.my_order!.pickup_code)
  expect(phone.page.all('.qr-picture').length).toBe(1)
  await house.call('POST', '/api/v1/orders/redeem', { qr: meals[0]!.my_order!.pickup_qr }, await house.tokenOf('admin'))
  await phone.page.instance.onPullDownRefresh()
  await phone.sees('已取餐')
})

test('a standing order is begun, the answer lost, and there is one; paused, resumed and ended', async () => {
  await signIn('songxue')
  wx().navigateTo({ url: '/pages/standing/index' })
  await phone.sees('新的长期订餐')
  await phone.page.tap('.segment', '晚餐')
  house.asked.length = 0
  house.after = (asked) => (asked.method === 'POST' && asked.url === '/api/v1/subscriptions' ? 'lose' : undefined)
  await phone.page.tap('.standing-go')
  await phone.sees('可能已经成功，也可能没有')
  house.after = () => {}
  await phone.page.tap('.button', '重试')
  await phone.sees('工作日 · 晚餐')
  expect(new Set(house.asked.filter(({ what }) => what === 'POST /api/v1/subscriptions').map(({ key }) => key)).size).toBe(1)
  for (const [verb, state] of [['暂停', '已暂停'], ['恢复', '进行中']]) {
    await phone.page.tap('.standing >>> .button', verb)
    await phone.until(() => phone.page.all('.standing >>> .pill')[0]?.dom.textContent === state, `it is ${state}`)
  }
  await phone.page.tap('.standing >>> .button', '结束')
  await phone.page.tap('.confirm-button', '结束')
  await phone.until(() => phone.page.all('.standing >>> .pill')[0]?.dom.textContent === '已结束', 'it is over')
  const { subscriptions } = await house.call<{ subscriptions: { slot: string; status: string }[] }>('GET', '/api/v1/subscriptions', undefined, token())
  expect(subscriptions).toMatchObject([{ slot: 'dinner', status: 'ended' }])
})

/** Somebody with tickets, as far as the cabinet that WeChat has scanned. */
async function scan(tickets: number, name = stranger()): Promise<Cabinet> {
  const cabinet = await Cabinet.put(house)
  await signIn(name)
  await giveTickets(house, token(), tickets)
  phone.scans = `fanpiao:cabinet:${cabinet.code}`
  await phone.page.tap('.meals-scan')
  await phone.sees('更衣室柜')
  await phone.sees('空闲')
  return cabinet
}
const asksForDoor = () => house.asked.filter(({ what }) => what === 'POST /api/v1/cabinet/sessions')

test('a cabinet: scanned, opened, taken from, and settled', async () => {
  const cabinet = await scan(20_000)
  await phone.page.tap('.cabinet-go')
  await phone.sees('正在开门')
  const session = await lastSession(house, token())
  await cabinet.door(session, 'opened')
  await phone.sees('门已打开')
  await cabinet.door(session, 'closed')
  await phone.sees('门已关上')
  await cabinet.settle(session, { MILK: 2 })
  await phone.sees('结算好了')
  await phone.sees('6,000 张礼票')
  await phone.page.tap('.button', '完成')
  await phone.until(() => phone.page.all('.meal-card').length > 0, 'the first page is shown')
  expect(phone.page.text()).not.toContain('有一次开门还没有结束')
})

test('a cabinet: the answer is lost and the app is killed; one door, too few tickets, and paid after all', async () => {
  const cabinet = await scan(2_500)
  house.asked.length = 0
  house.after = (asked) => (asked.method === 'POST' && asked.url === '/api/v1/cabinet/sessions' ? 'lose' : undefined)
  await phone.page.tap('.cabinet-go')
  await phone.sees('可能已经成功，也可能没有')
  house.after = () => {}
  await phone.launch()
  await phone.sees('有一次提交还没有结果')
  await phone.page.tap('.unsettled')
  await phone.sees('请站在柜前再点')
  await phone.page.tap('.button', '重试')
  await phone.sees('正在开门')
  expect([asksForDoor().length, new Set(asksForDoor().map(({ key }) => key)).size, (await sessions(house, token())).length]).toEqual([2, 1, 1])

  await phone.launch()
  await phone.sees('有一次开门还没有结束')
  await cabinet.trip(await lastSession(house, token()), { RICE: 1 })
  await phone.page.tap('.unsettled')
  await phone.sees('礼票不够，还没有付')
  await phone.page.tap('.button', '去支付')
  await phone.sees('待付款')
  await phone.page.tap('.button', '付 25,000 张礼票')
  await phone.sees('礼票不足')
  await giveTickets(house, token(), 30_000)
  await phone.page.tap('.button', '付 25,000 张礼票')
  await phone.sees('已付款')
  wx().navigateTo({ url: '/pages/cabinet-orders/index' })
  await phone.sees('五常大米 × 1')
})

test('a cabinet: a complaint with a picture, and its answer', async () => {
  const cabinet = await scan(20_000)
  await phone.page.tap('.cabinet-go')
  await phone.sees('正在开门')
  await cabinet.trip(await lastSession(house, token()), { MILK: 1 })
  await phone.sees('结算好了')
  const { orders } = await house.call<{ orders: { order_no: string }[] }>('GET', '/api/v1/cabinet/orders', undefined, token())
  wx().navigateTo({ url: `/pages/cabinet-order/index?order_no=${orders[0]!.order_no}` })
  await phone.sees('有问题？投诉')
  await phone.page.tap('.cabinet-complain')
  await phone.sees('哪里不对')
  await phone.page.type('.field', '豆浆是酸的')
  await phone.page.tap('.picture-add')
  await phone.until(() => phone.page.all('.picture-shell').length === 1, 'the picture is there')
  await phone.page.tap('.button', '提交投诉')
  await phone.sees('等待回复')
  const { complaints } = await house.call<{ complaints: { complaint_id: number; text: string; pictures: unknown[] }[] }>('GET', '/api/v1/complaints', undefined, token())
  expect(complaints).toMatchObject([{ text: '豆浆是酸的', pictures: [{ width: 1, height: 1 }] }])
  await house.call('POST', `/api/v1/admin/complaints/${complaints[0]!.complaint_id}/answer`, { text: '这就退' }, await house.tokenOf('admin'))
  await phone.page.instance.onPullDownRefresh()
  await phone.sees('这就退')

  await house.call('POST', `/api/v1/admin/complaints/${complaints[0]!.complaint_id}/answer`, { text: '已经退了' }, await house.tokenOf('admin'))
  await phone.launch()
  await phone.page.tap('.tab', '我的')
  await phone.sees('有新进展')
  await phone.page.tap('.me-complaints')
  await phone.sees('客服 · 已经退了')
  await phone.sees('有新进展')
  await phone.page.tap('.past', '豆浆是酸的')
  await phone.sees('这就退')
  wx().navigateBack()
  await phone.until(() => !phone.page.text().includes('有新进展'), 'it was read')
})

test('a cabinet: pay score is allowed on WeChat’s page, opens the door, and is chosen again', async () => {
  const name = stranger()
  const cabinet = await scan(20_000, name)
  await phone.sees('还没有授权')
  await phone.page.tap('.cabinet-way', '微信支付分')
  await phone.sees('去微信授权一次')

  const before = phone.calls.length
  const asked = () => phone.calls.slice(before).filter(({ name }) => name === 'openBusinessView').map(({ options }) => options)
  phone.decides = () => Promise.reject(new Error('openBusinessView:fail not supported'))
  await phone.page.tap('.cabinet-allow-go')
  await phone.sees('没有扣款。请更新微信后再试，或者用礼票。（not supported）')
  phone.decides = () => Promise.resolve()
  await phone.page.tap('.cabinet-allow-go')
  await phone.until(() => asked().length === 2, 'WeChat’s page is opened')
  await phone.sees('去微信授权一次')
  expect(asksForDoor()).toEqual([])

  phone.decides = (token) => allowAsked(house, name, token)
  await phone.page.tap('.cabinet-allow-go')
  await phone.sees('已授权')
  expect(asked().map(({ businessType, extraData }) => [businessType, Object.keys(extraData)])).toEqual(Array(3).fill(['wxpayScoreEnable', ['apply_permissions_token']]))
  await phone.page.tap('.cabinet-go')
  await phone.sees('正在请微信确认')
  const session = await lastSession(house, token())
  await atVendor(house, session)
  await cabinet.trip(session, { MILK: 2 })
  await phone.sees('微信支付分已经收款')
  await phone.sees('¥12.00')

  await phone.launch()
  await phone.page.tap('.meals-scan')
  await phone.sees('关门后微信按取走的扣款')
  await phone.page.tap('.cabinet-way', '礼票')
  await phone.sees('关门后按取走的扣礼票')
})

test('a cabinet: a WeChat that is too old for pay score is said so', async () => {
  await scan(1)
  await phone.sees('去微信授权一次')
  delete wx().openBusinessView
  await phone.page.tap('.cabinet-allow-go')
  await phone.sees('没有扣款。请更新微信后再试')
})

test('a cabinet: whoever turns back from scanning types what stands on the door', async () => {
  const cabinet = await Cabinet.put(house)
  await cabinet.obeys(false)
  await signIn(stranger())
  await giveTickets(house, token(), 5_000)
  phone.scans = undefined
  await phone.page.tap('.meals-scan')
  await phone.sees('柜机编号')
  await phone.page.type('.field', cabinet.code)
  await phone.page.tap('.cabinet-look')
  await phone.sees('空闲')
  await phone.page.tap('.cabinet-go')
  await phone.sees('门没有打开')
  await phone.sees('没有扣款')
})

test('the profile: overview, orders page by page, balance, exports', async () => {
  await signIn('zhoujie')
  for (let at = 0; at < 22; at++) await house.call('POST', '/api/v1/orders', { meal_id: await house.meal() }, token())
  await phone.page.tap('.tab', '我的')
  await phone.sees('账户余额')
  await phone.until(() => phone.page.all('.figure-value').length === 6, 'the figures are shown')
  await phone.page.tap('.line-tap', '导出订单记录')
  await phone.until(() => phone.calls.some(({ name }) => name === 'openDocument'), 'the workbook is opened')
  const download = phone.calls.find(({ name }) => name === 'downloadFile')!.options
  expect([download.url, download.header.Authorization]).toEqual(['http://house.test/api/v1/users/orders/export', `Bearer ${token()}`])

  await phone.page.tap('.segment', '订单')
  await phone.until(() => phone.page.all('.past').length === 20, 'twenty orders are shown')
  phone.page.instance.onReachBottom()
  await phone.until(() => phone.page.all('.past').length > 21, 'more orders are shown')
  await phone.page.tap('.segment', '余额')
  await phone.until(() => phone.page.all('.ledger').length === 20, 'twenty entries are shown')
  await phone.page.instance.onPullDownRefresh()
  await phone.until(() => phone.calls.some(({ name }) => name === 'stopPullDownRefresh'), 'pulling down ends')
})

test('English, dark and large, and out again', async () => {
  await signIn('sunli')
  wx().navigateTo({ url: '/pages/settings/index' })
  await phone.sees('外观')
  await phone.page.tap('.segment', '深色')
  await phone.page.tap('.segment', 'English')
  await phone.sees('Appearance')
  expect(phone.page.instance.data).toBeDefined()
  await phone.page.tap('.button', 'Sign out')
  await phone.sees('Sign out?')
  await phone.page.tap('.confirm-button', 'Sign out')
  await phone.sees('Sign in with WeChat')
  expect(phone.storage.session).toBeUndefined()
})

const wx = () => (globalThis as unknown as { wx: { navigateTo(to: { url: string }): void; navigateBack(): void; openBusinessView?: unknown } }).wx
