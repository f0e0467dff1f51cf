import { expect, test } from 'vitest'

import { accessible, call, choose, open, shoot, tokenOf } from './browser'
import { atWechat, balanceOf, member, until } from './house'

const token = await tokenOf('admin')
let names = 0

async function makeProduct(more: Record<string, unknown> = {}): Promise<{ product_id: number; name_zh: string }> {
  names += 1
  const body = { name_zh: `礼盒${Date.now() % 1e8}-${names}`, price_cents: 2_500, on_sale: true, stock: 10, ...more }
  return call(token, 'POST', '/api/v1/admin/products', body)
}

test('a product is made, its stock moved with a reason, and it is taken off sale', async () => {
  const name = `明前茶${Date.now() % 1e8}`
  const page = await open('/admin/products', { token })
  await page.getByRole('button', { name: '新建商品' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: '保存' }).click()
  await dialog.getByText('必填').waitFor()
  await dialog.getByText('请填写金额，最多两位小数').waitFor()
  await accessible(page)
  await dialog.getByLabel('中文名称').fill(name)
  await dialog.getByLabel('单价').fill('88')
  await dialog.getByLabel('初始库存').fill('5')
  await dialog.getByLabel('每人限购').fill('2')
  await shoot(page, 'product-dialog-1440-light')
  await dialog.getByRole('button', { name: '保存' }).click()
  const row = page.locator('tbody tr', { hasText: name })
  await row.getByText('在售').waitFor()

  await row.getByRole('link', { name }).click()
  await page.getByRole('button', { name: '库存变动', exact: true }).click()
  await dialog.getByLabel('减少').check()
  await dialog.getByLabel('数量').fill('6')
  await dialog.getByText('已卖出或占用的不能减少').waitFor()
  await dialog.getByLabel('数量').fill('2')
  await dialog.getByRole('button', { name: '保存' }).click()
  await dialog.getByText('请说明原因').waitFor()
  await dialog.getByLabel('原因').fill('盘点更正')
  await accessible(page)
  await dialog.getByRole('button', { name: '保存' }).click()
  await page.locator('tbody tr', { hasText: '盘点更正' }).getByText('−2').waitFor()
  await page.locator('.facts').getByText('3', { exact: true }).waitFor()
  await accessible(page)
  await shoot(page, 'product-1440-light')

  await page.getByRole('link', { name: '商品' }).first().click()
  await row.getByRole('button', { name: `下架: ${name}` }).click()
  await dialog.getByText('下架后不能再下单').waitFor()
  await dialog.getByRole('button', { name: '下架' }).click()
  await row.getByText('已下架').waitFor()
})

test('a round is opened, sells out, is drawn, and its proof is computed again on the page', async () => {
  const { name_zh } = await makeProduct()
  const buyer = await member('mahui')
  const page = await open('/admin/rounds', { token })
  await page.getByRole('button', { name: '开新一期' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('combobox', { name: '商品' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('option', { name: name_zh }).click()
  await dialog.getByLabel('总份数').fill('0')
  await dialog.getByText('请填写 1 到 10000 的整数').waitFor()
  await dialog.getByLabel('总份数').fill('4')
  await dialog.getByLabel('每份价格').fill('5')
  await dialog.getByText('共 4 份，售罄收入 ¥20.00').waitFor()
  await accessible(page)
  await shoot(page, 'round-dialog-1440-light')
  await dialog.getByRole('button', { name: '开新一期' }).click()
  await page.getByRole('heading', { name: `${name_zh} 第 1 期` }).waitFor()
  await page.getByText('已售 0 / 4 份').waitFor()
  await page.getByText('开奖后公开').waitFor()

  const round_id = Number(/rounds\/(\d+)/.exec(page.url())![1])
  await call(buyer.token, 'POST', '/api/v1/shop/orders', { round_id, quantity: 4, pay_with: 'balance' })
  await page.reload()
  await page.getByText('已售 4 / 4 份').waitFor()
  // The job may have drawn it first.
  await page.locator('h1', { hasText: /已售罄|已开奖/ }).waitFor()
  if (await page.getByRole('button', { name: '开奖' }).isVisible()) {
    await page.getByRole('button', { name: '开奖' }).click()
    await dialog.getByText('从 4 份里按公开的算法算出中奖号码').waitFor()
    await dialog.getByRole('button', { name: '开奖' }).click()
  }
  await page.locator('h1', { hasText: '已开奖' }).waitFor()
  await page.getByText('本页已重新计算：承诺值与密钥相符，中奖号码一致').waitFor()
  await page.getByRole('link', { name: '马辉' }).waitFor()
  await accessible(page)
  await shoot(page, 'round-drawn-1440-light')
})

test('a round that is called off gives everybody the money back, and says so in numbers', async () => {
  const { product_id } = await makeProduct()
  const buyer = await member('luodan')
  const closes_at = new Date(Date.now() + 7 * 86_400_000).toISOString()
  const { round_id } = await call<{ round_id: number }>(token, 'POST', '/api/v1/admin/rounds', { product_id, total_shares: 10, share_price_cents: 300, closes_at })
  const before = await balanceOf(buyer.user_id)
  await call(buyer.token, 'POST', '/api/v1/shop/orders', { round_id, quantity: 3, pay_with: 'balance' })
  const page = await open(`/admin/rounds/${round_id}`, { token })
  await page.getByRole('button', { name: '取消本期' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('把 1 个订单的 ¥9.00 全部退回购买者的余额').waitFor()
  await dialog.getByLabel('原因').fill('供货取消')
  await dialog.getByRole('button', { name: '取消本期' }).click()
  await page.locator('h1', { hasText: '未成' }).waitFor()
  expect(await balanceOf(buyer.user_id)).toBe(before)
})

test('shop orders are brought on one by one and together, and one is paid back', async () => {
  const product = await makeProduct()
  const [first, second] = [await member('liangbo'), await member('zhengtao')]
  const buy = async (by: typeof first, quantity: number) =>
    (await call<{ order_no: string }>(by.token, 'POST', '/api/v1/shop/orders', { product_id: product.product_id, quantity, pay_with: 'balance' })).order_no
  const [one, two, three] = [await buy(first, 1), await buy(second, 2), await buy(second, 1)]

  const page = await open('/admin/shop-orders', { token })
  await choose(page, '商品', product.name_zh)
  await page.waitForURL(/product=/)
  await page.locator('tbody tr', { hasText: one }).getByText('梁波').waitFor()
  await page.getByLabel(`选择订单 ${three}`).waitFor()
  // All orders stood there before, these three among them.
  await expect.poll(() => page.locator('tbody tr').count()).toBe(3)
  await accessible(page)
  await page.locator('tbody tr', { hasText: one }).getByRole('button', { name: /开始备货/ }).click()
  await page.locator('tbody tr', { hasText: one }).getByText('备货中').waitFor()

  await page.getByLabel(`选择订单 ${one}`).check()
  await page.getByLabel(`选择订单 ${two}`).check()
  const toolbar = page.getByRole('toolbar')
  // Only what every one of them can do.
  await toolbar.getByRole('button', { name: '可以取货' }).waitFor()
  expect(await toolbar.getByRole('button', { name: '开始备货' }).count()).toBe(0)
  await toolbar.getByRole('button', { name: '已交付' }).click()
  await page.getByText('2 个订单已更新').waitFor()
  await page.locator('tbody tr', { hasText: two }).getByText('已交付').first().waitFor()

  const before = await balanceOf(second.user_id)
  await page.getByRole('button', { name: `退款 ${three}` }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('把 ¥25.00 退回 郑涛 的余额。 1 件放回库存。').waitFor()
  await shoot(page, 'shop-refund-1440-light')
  await dialog.getByLabel('原因').fill('不想要了')
  await dialog.getByRole('button', { name: '退款' }).click()
  await page.locator('tbody tr', { hasText: three }).getByText('已退款').waitFor()
  expect(await balanceOf(second.user_id)).toBe(before + 2_500)
})

test('many orders are brought on with the progress shown, and stopped on the way', async () => {
  const product = await makeProduct({ price_cents: 100 })
  const buyer = await member('liangbo')
  for (let at = 0; at < 3; at += 1) await call(buyer.token, 'POST', '/api/v1/shop/orders', { product_id: product.product_id, quantity: 1, pay_with: 'balance' })
  const page = await open(`/admin/shop-orders?product=${product.product_id}`, { token })
  const rows = page.locator('tbody tr')
  await rows.nth(2).getByRole('checkbox').waitFor()
  expect(await rows.count()).toBe(3)

  const asked: string[] = []
  let answer = () => {}
  const held = new Promise<void>((resolve) => (answer = resolve))
  await page.route('**/shop/orders/*/step', async (route) => {
    asked.push(route.request().url())
    if (asked.length === 2) await held
    return route.continue()
  })
  for (let at = 0; at < 3; at += 1) await rows.nth(at).getByRole('checkbox').check()
  const toolbar = page.getByRole('toolbar')
  await toolbar.getByRole('button', { name: '开始备货' }).click()
  const progress = page.getByRole('status').filter({ hasText: '开始备货' })
  await progress.getByText('1 / 3').waitFor()
  // Meanwhile nothing else is begun.
  expect(await toolbar.getByRole('button', { name: '开始备货' }).isDisabled()).toBe(true)
  await shoot(page, 'shop-batch-1440-light')
  await progress.getByRole('button', { name: '停止' }).click()
  answer()
  // What was on its way is done, and what was not come to is still chosen.
  await page.getByText('2 个订单已更新').waitFor()
  await progress.waitFor({ state: 'detached' })
  expect(asked.length).toBe(2)
  await rows.filter({ hasText: '备货中' }).nth(1).waitFor()
  await page.getByText('已选 1 条').waitFor()

  await toolbar.getByRole('button', { name: '开始备货' }).click()
  await page.getByText('1 个订单已更新').waitFor()
  await rows.filter({ hasText: '备货中' }).nth(2).waitFor()
  expect(new Set(asked).size).toBe(3)
})

test('a refund to WeChat says so before, as far as the server is asked', async () => {
  const product = await makeProduct()
  const buyer = await member('zhengtao')
  const { order_no } = await call<{ order_no: string }>(buyer.token, 'POST', '/api/v1/shop/orders', { product_id: product.product_id, quantity: 2, pay_with: 'wechat' })
  const { payment } = await call<{ payment: { order_no: string } }>(buyer.token, 'POST', `/api/v1/shop/orders/${order_no}/pay`, { client: 'native' })
  await atWechat(`/orders/${payment.order_no}/pay`)
  await until(async () => (await call<{ status: string }>(buyer.token, 'GET', `/api/v1/shop/orders/${order_no}`)).status === 'paid')
  const page = await open(`/admin/shop-orders?product=${product.product_id}`, { token, expects: /400.*refund/ })
  await page.getByRole('button', { name: `退款 ${order_no}` }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('把 ¥50.00 原路退回 郑涛 的微信。 2 件放回库存。').waitFor()
  await accessible(page)
  await shoot(page, 'shop-refund-wechat-1440-light')
  await dialog.getByRole('button', { name: '返回' }).click()

  // Somebody else was faster: there is nothing to confirm, and that is said before.
  await call(token, 'POST', `/api/v1/admin/shop/orders/${order_no}/refund`, { reason: '缺货' })
  await page.getByRole('button', { name: `退款 ${order_no}` }).click()
  await dialog.getByRole('alert').waitFor()
  expect(await dialog.getByRole('button', { name: '退款', exact: true }).isDisabled()).toBe(true)
})
