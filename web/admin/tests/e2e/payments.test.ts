import { expect, test } from 'vitest'

import { accessible, call, choose, open, shoot, tokenOf } from './browser'
import { atWechat, balanceOf, member, statusOf, topup, until } from './house'

const token = await tokenOf('admin')

test('a top-up whose notification was lost is found, and asking WeChat credits it', async () => {
  const payer = await member('zhuyan')
  const before = await balanceOf(payer.user_id)
  const order_no = await topup(payer, 5_000)
  await atWechat(`/orders/${order_no}/pay`, { notice: { lose: true } })

  const page = await open('/admin/payments', { token })
  await page.getByRole('searchbox').fill(order_no)
  await page.waitForURL(/query=/)
  await choose(page, '状态', '待支付')
  await page.waitForURL(/status=pending/)
  await page.locator('tbody tr', { hasText: order_no }).getByText('待支付').waitFor()
  expect(await page.locator('tbody tr').count()).toBe(1)
  await accessible(page)
  await page.getByRole('link', { name: order_no }).click()
  await page.getByRole('button', { name: '向微信查询' }).click()
  await page.getByText('微信查询完成：已支付').waitFor()
  await page.locator('h1', { hasText: '已支付' }).waitFor()
  await page.getByRole('link', { name: '朱燕' }).waitFor()
  await accessible(page)
  await shoot(page, 'payment-1440-light')
  expect(await balanceOf(payer.user_id)).toBe(before + 5_000)
})

test('a part of a top-up goes back, with the numbers said before, and never more than is left', async () => {
  const payer = await member('linlan')
  const order_no = await topup(payer, 10_000)
  await atWechat(`/orders/${order_no}/pay`)
  await until(async () => (await statusOf(order_no)) === 'paid')
  const before = await balanceOf(payer.user_id)

  const page = await open(`/admin/payments/${order_no}`, { token })
  await page.getByRole('button', { name: '退款' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('退款金额').fill('100.01')
  await dialog.getByText('最多可退 ¥100.00').waitFor()
  await dialog.getByLabel('退款金额').fill('30')
  await dialog.getByText('从 林岚 的余额扣除 ¥30.00，原路退回微信。').waitFor()
  await dialog.getByText('¥70.00', { exact: true }).waitFor()
  await dialog.getByRole('button', { name: '退款' }).click()
  await dialog.getByText('请说明原因').waitFor()
  await accessible(page)
  await shoot(page, 'refund-1440-light')
  await dialog.getByLabel('原因').fill('多充了')
  await dialog.getByRole('button', { name: '退款' }).click()
  await page.getByText('已提交退款 ¥30.00').waitFor()
  await page.locator('tbody tr', { hasText: '多充了' }).waitFor()
  expect(await balanceOf(payer.user_id)).toBe(before - 3_000)

  await until(async () => (await statusOf(order_no)) === 'paid')
  await page.goto(page.url().replace(/\/payments\/.*/, `/refunds?query=${order_no}`))
  await page.locator('tbody tr', { hasText: order_no }).getByText('已退款').waitFor()
  expect(await page.locator('tbody tr').count()).toBe(1)
  await accessible(page)
  await shoot(page, 'refunds-1440-light')
})

test.each([
  ['1440', 1440, false],
  ['390', 390, true],
])('an exception is taken and settled from the queue at %s px', async (name, width, dark) => {
  const payer = await member(width < 600 ? 'hejun' : 'guoying')
  const before = await balanceOf(payer.user_id)
  const order_no = await topup(payer, 20_000)
  await atWechat(`/orders/${order_no}/pay`, { total: 19_900 })
  await until(async () => {
    const { exceptions } = await call<{ exceptions: { subject: string }[] }>(token, 'GET', '/api/v1/admin/exceptions')
    return exceptions.some(({ subject }) => subject === order_no)
  })

  const page = await open('/admin/exceptions', { token, width, dark })
  const card = page.locator('.queue > li', { hasText: order_no })
  await card.getByRole('heading', { name: '金额不符' }).waitFor()
  await card.getByText('¥199.00').waitFor()
  await card.getByText('¥200.00').waitFor()
  await card.getByText('−¥1.00').waitFor()
  await card.getByRole('button', { name: '我来处理' }).click()
  await card.getByText('系统管理员').waitFor()
  await card.getByRole('button', { name: '放回队列' }).waitFor()
  await accessible(page)
  await shoot(page, `exceptions-open-${name}-${dark ? 'dark' : 'light'}`)

  await card.getByRole('button', { name: /^处理/ }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('把微信实收的 ¥199.00 记入用户余额').waitFor()
  await dialog.getByLabel('只记录，不动账').check()
  await dialog.getByText('余额不变，只写下处理结论').waitFor()
  await dialog.getByLabel('按实收入账').check()
  await dialog.getByRole('button', { name: '按实收入账' }).click()
  await dialog.getByText('请写下处理说明').waitFor()
  await dialog.getByLabel('处理说明').fill('用户少付一元，按实收入账')
  await accessible(page)
  await shoot(page, `exception-settle-${name}-${dark ? 'dark' : 'light'}`)
  await dialog.getByRole('button', { name: '按实收入账' }).click()
  await card.waitFor({ state: 'detached' })
  expect(await balanceOf(payer.user_id)).toBe(before + 19_900)

  await page.getByRole('button', { name: '已处理' }).click()
  await page.waitForURL(/resolved=true/)
  await card.getByText('用户少付一元，按实收入账').waitFor()
})

test('the bills are compared when asked for, and equal days say so', async () => {
  const page = await open('/admin/reconciliation', { token })
  await page.getByRole('button', { name: '立即对账' }).click()
  await page.getByText('对账已运行').waitFor()
  await page.getByText('账单与本系统的差额都是零').waitFor()
  await page.locator('tbody tr').first().getByText('一致').waitFor()
  await accessible(page)
})
