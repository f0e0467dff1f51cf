import { expect, test } from 'vitest'

import { accessible, call, choose, open, shoot, tokenOf } from './browser'
import { dayAfter, freeDay, makeMeal, member, order } from './house'

const token = await tokenOf('admin')

test('orders are found, chosen and processed, and each that fails says why', async () => {
  const day = await freeDay()
  const meal = await makeMeal(day)
  const [wei, fang, na] = [await member('zhangwei'), await member('wangfang'), await member('lina')]
  const [first, second] = [await order(wei, meal, 2), await order(fang, meal)]
  const third = await order(na, meal)
  const page = await open(`/admin/day-orders?day=${day}`, { token })
  await page.getByLabel('选择订单').nth(2).waitFor()

  // A search is in the address, and finds by name and by notes.
  await page.getByRole('searchbox').fill('王芳的')
  await page.waitForURL(/query=/)
  await page.locator('tr', { hasText: '张伟' }).waitFor({ state: 'detached' })
  expect(await page.locator('tbody tr').count()).toBe(1)
  await page.getByRole('searchbox').fill('')
  await page.getByLabel('选择订单').nth(2).waitFor()

  await page.locator('tr', { hasText: '张伟' }).getByRole('checkbox').check()
  await page.locator('tr', { hasText: '王芳' }).getByRole('checkbox').check()
  await page.getByText('已选 2 条 · ¥45.00').waitFor()
  await page.getByRole('toolbar').getByRole('button', { name: '完成订单' }).click()
  const dialog = page.getByRole('dialog')
  // Neither is locked yet, and that is said before anything is sent.
  await dialog.getByText('2 个订单处理不了，会保持原样').waitFor()
  expect(await dialog.getByRole('button', { name: '完成订单' }).isDisabled()).toBe(true)
  await accessible(page)
  await shoot(page, 'orders-refused-1440-light')
  await dialog.getByRole('button', { name: '返回' }).click()

  // One of them is gone by the time the others are done: it says so, and stays chosen.
  await page.locator('tr', { hasText: '李娜' }).getByRole('checkbox').check()
  await page.getByRole('toolbar').getByRole('button', { name: '取消订单' }).click()
  await dialog.getByText('取消 3 个订单，把 ¥60.00 退给付款方。').waitFor()
  await dialog.getByRole('button', { name: '返回' }).click()
  await call(token, 'POST', '/api/v1/orders/batch', { order_ids: [third], action: 'cancel' })
  await page.getByRole('toolbar').getByRole('button', { name: '退款订单' }).click()
  await dialog.getByText('1 个订单处理不了，会保持原样').waitFor()
  await dialog.getByText('李娜').waitFor()
  await dialog.getByText('把 2 个订单的 ¥45.00 退给付款方。').waitFor()
  await dialog.getByRole('button', { name: '退款' }).click()
  await dialog.getByText('请说明原因').waitFor()
  await dialog.getByLabel('原因').fill('少做了')
  await dialog.getByRole('button', { name: '退款' }).click()
  await page.getByText('2 个成功，1 个失败').waitFor()
  await page.locator('tr', { hasText: '张伟' }).waitFor({ state: 'detached' })
  await page.getByLabel('含已取消和已退款').check()
  await page.locator('tr', { hasText: '李娜' }).locator('.result').waitFor()
  await shoot(page, 'orders-failed-1440-light')
  await page.locator('tr', { hasText: '已退款' }).nth(1).waitFor()

  for (const order_id of [first, second]) {
    const { records } = await call<{ records: unknown[] }>(token, 'GET', `/api/v1/admin/audit?object_kind=order&object_id=${order_id}&action=order.refund`)
    expect(records.length).toBe(1)
  }
})

test('the orders of a meal are taken home as a workbook', async () => {
  const page = await open('/admin/day-orders', { token })
  const file = page.waitForEvent('download')
  await page.getByRole('button', { name: '导出 Excel' }).click()
  expect((await file).suggestedFilename()).toMatch(/\.xlsx$/)
})

test('a choice of columns is remembered', async () => {
  const page = await open('/admin/day-orders', { token })
  await page.getByRole('button', { name: '选择列' }).click()
  await page.getByRole('checkbox', { name: '订单号' }).check()
  await page.getByRole('checkbox', { name: '备注' }).uncheck()
  await page.reload()
  await page.getByRole('columnheader', { name: '订单号' }).waitFor()
  expect(await page.getByRole('columnheader', { name: '备注' }).count()).toBe(0)
})

test('an order is found by what its member tells, and leads to its meal', async () => {
  const day = await freeDay()
  const [meal, next] = [await makeMeal(day, { title: '红烧肉' }), await makeMeal(dayAfter(day, 1))]
  const [wei, fang] = [await member('zhangwei'), await member('wangfang')]
  await order(wei, meal, 2)
  await order(fang, meal)
  const canceled = await order(wei, next)
  await call(wei.token, 'DELETE', `/api/v1/orders/${canceled}`)
  const { order_no } = await call<{ order_no: string }>(wei.token, 'GET', `/api/v1/orders/${canceled}`)
  const page = await open('/admin/orders', { token })
  const rows = page.locator('tbody tr:not(.bone)')
  await rows.filter({ hasText: day }).nth(1).waitFor()

  // Each filter is in the address, and all of them hold.
  await page.getByLabel('用餐日期从').fill(day)
  await page.waitForURL(/from=/)
  await page.getByLabel('用餐日期到').fill(dayAfter(day, 1))
  await page.waitForURL(/to=/)
  await expect.poll(() => rows.count()).toBe(3)
  await choose(page, '状态', '已取消')
  await expect.poll(() => rows.count()).toBe(1)
  await rows.filter({ hasText: order_no }).waitFor()
  await choose(page, '付款方', '部门支付')
  await page.getByText('没有符合条件的订单').waitFor()
  await page.getByRole('button', { name: '清除筛选' }).first().click()
  await expect.poll(() => new URL(page.url()).search).toBe('')
  await page.getByLabel('用餐日期从').fill(day)
  await choose(page, '时段', '午餐')
  await page.getByRole('searchbox').fill('张伟')
  await expect.poll(() => rows.count()).toBe(2)
  await page.reload()
  await expect.poll(() => rows.count()).toBe(2)
  await rows.filter({ hasText: '红烧肉' }).getByText('30.00').waitFor()
  await accessible(page)
  await shoot(page, 'orders-found-1440-light')

  const file = page.waitForEvent('download')
  await page.getByRole('button', { name: '导出 Excel' }).click()
  expect((await file).suggestedFilename()).toMatch(/^订单_.*\.xlsx$/)

  await page.getByRole('searchbox').fill(order_no)
  await expect.poll(() => rows.count()).toBe(1)
  await page.getByRole('link', { name: order_no }).click()
  await page.waitForURL(new RegExp(`/meals/${next}\\?`))
  await rows.filter({ hasText: '已取消' }).waitFor()
  expect(await rows.count()).toBe(1)
})

test('orders are turned over page by page, there and back', async () => {
  const page = await open('/admin/orders', { token, width: 390, dark: true })
  const first = page.locator('tbody tr:not(.bone) code').first()
  const number = await first.textContent()
  await page.getByRole('button', { name: '下一页' }).click()
  await page.waitForURL(/cursor=/)
  await expect.poll(() => first.textContent()).not.toBe(number)
  await page.getByRole('button', { name: '上一页' }).click()
  await expect.poll(() => first.textContent()).toBe(number)
})
