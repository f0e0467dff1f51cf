import { expect, test } from 'vitest'

import { accessible, call, open, shoot, tokenOf } from './browser'
import { freeDay, makeMeal, member, order } from './house'

const token = await tokenOf('admin')

test('orders are found, chosen and processed, and each that fails says why', async () => {
  const day = await freeDay()
  const meal = await makeMeal(day)
  const [wei, fang, na] = [await member('zhangwei'), await member('wangfang'), await member('lina')]
  const [first, second] = [await order(wei, meal, 2), await order(fang, meal)]
  await order(na, meal)
  const page = await open(`/admin/orders?day=${day}`, { token })
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
  await page.getByRole('dialog').getByRole('button', { name: '完成订单' }).click()
  // Neither is locked yet.
  await page.getByText('0 个成功，2 个失败').waitFor()
  await page.locator('tr', { hasText: '张伟' }).locator('.result').waitFor()
  await accessible(page)
  await shoot(page, 'orders-failed-1440-light')

  await page.getByRole('toolbar').getByRole('button', { name: '退款订单' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('把 2 个订单的 ¥45.00 退给付款方。').waitFor()
  await dialog.getByRole('button', { name: '退款' }).click()
  await dialog.getByText('请说明原因').waitFor()
  await dialog.getByLabel('原因').fill('少做了')
  await dialog.getByRole('button', { name: '退款' }).click()
  await page.getByText('2 个订单全部成功').waitFor()
  await page.locator('tr', { hasText: '张伟' }).waitFor({ state: 'detached' })
  expect(await page.locator('tbody tr').count()).toBe(1)
  await page.getByLabel('含已取消和已退款').check()
  await page.locator('tr', { hasText: '已退款' }).nth(1).waitFor()

  for (const order_id of [first, second]) {
    const { records } = await call<{ records: unknown[] }>(token, 'GET', `/api/v1/admin/audit?object_kind=order&object_id=${order_id}&action=order.refund`)
    expect(records.length).toBe(1)
  }
})

test('the orders of a meal are taken home as a workbook', async () => {
  const page = await open('/admin/orders', { token })
  const file = page.waitForEvent('download')
  await page.getByRole('button', { name: '导出 Excel' }).click()
  expect((await file).suggestedFilename()).toMatch(/\.xlsx$/)
})

test('a choice of columns is remembered', async () => {
  const page = await open('/admin/orders', { token })
  await page.getByRole('button', { name: '选择列' }).click()
  await page.getByRole('checkbox', { name: '订单号' }).check()
  await page.getByRole('checkbox', { name: '备注' }).uncheck()
  await page.reload()
  await page.getByRole('columnheader', { name: '订单号' }).waitFor()
  expect(await page.getByRole('columnheader', { name: '备注' }).count()).toBe(0)
})
