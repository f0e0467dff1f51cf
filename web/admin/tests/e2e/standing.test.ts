import { expect, test } from 'vitest'

import { accessible, call, choose, open, shoot, tokenOf } from './browser'
import { dayAfter, freeDay, makeMeal, until } from './house'

const token = await tokenOf('admin')
const deptAdmin = await tokenOf('zhou.min')

interface Standing {
  subscription_id: number
  slot: string
  weekdays: number[]
  status: string
  pickup_window: string | null
  members: { nickname: string }[]
}
const own = (await call<{ departmentId: string }>(deptAdmin, 'GET', '/api/dining/enhanced/dept-members')).departmentId
const newest = async () => (await call<{ subscriptions: Standing[] }>(deptAdmin, 'GET', `/api/v1/subscriptions?department_id=${own}`)).subscriptions[0]!

test('a department’s standing order books what is published, says what came of it, is paused, resumed and ended', async () => {
  const day = await freeDay()
  const page = await open('/admin/standing', { token: deptAdmin })
  await page.getByRole('button', { name: '新建长期订餐' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('晚餐').click()
  for (const weekday of ['周一', '周二', '周三', '周四', '周五']) await dialog.getByLabel(weekday).uncheck()
  await dialog.getByRole('button', { name: '开始', exact: true }).click()
  await dialog.getByText('至少选一天').waitFor()
  await dialog.getByText('至少选一人').waitFor()
  await accessible(page)
  for (const weekday of ['周一', '周二', '周三', '周四', '周五', '周六', '周日']) await dialog.getByLabel(weekday).check()
  for (const name of ['张伟', '刘洋']) await dialog.getByLabel(name).check()
  await dialog.getByText('成员（已选 2，最多 50）').waitFor()
  await dialog.getByLabel('开始日期').fill(day)
  await dialog.getByLabel('结束日期').fill(dayAfter(day, -1))
  await dialog.getByText('不能早于开始日期').waitFor()
  await dialog.getByLabel('结束日期').fill(dayAfter(day, 1))
  await dialog.getByLabel('备注').fill('加班')
  await shoot(page, 'standing-dialog-1440-light')
  await dialog.getByRole('button', { name: '开始', exact: true }).click()
  await dialog.waitFor({ state: 'hidden' })
  const row = page.locator('details', { hasText: '每天 · 晚餐' }).first()
  await row.getByText('进行中').waitFor()
  expect(await newest()).toMatchObject({ slot: 'dinner', weekdays: [1, 2, 3, 4, 5, 6, 7], status: 'active', members: [{ nickname: '张伟' }, { nickname: '刘洋' }] })

  // One portion for two: one of them has to be told why.
  const meal = await makeMeal(day, { slot: 'dinner', capacity: 1, title: '限量晚餐' })
  await until(async () => {
    await call(token, 'POST', '/api/v1/admin/jobs/book-subscriptions/run').catch(() => undefined)
    return (await call<{ ordered_quantity: number }>(token, 'GET', `/api/v1/meals/${meal}`)).ordered_quantity === 1
  })
  await page.reload()
  await row.locator('summary').click()
  await row.getByText('1 / 2 人已订').waitFor()
  await row.locator('.why').waitFor()
  await row.getByText('备注: 加班').waitFor()
  await accessible(page)
  await shoot(page, 'standing-runs-1440-light')

  await row.getByRole('button', { name: '暂停' }).click()
  await row.getByText('已暂停').waitFor()
  await row.getByRole('button', { name: '恢复' }).click()
  await row.getByText('进行中').waitFor()
  await row.getByRole('button', { name: '结束' }).click()
  await dialog.getByText('已经订好的餐不受影响').waitFor()
  await dialog.getByRole('button', { name: '结束' }).click()
  await row.getByText('已结束').waitFor()
  expect((await newest()).status).toBe('ended')
})

test('an answer is lost: sent again under its key, there is one, for any department', async () => {
  const { departments } = await call<{ departments: { department_id: number; code: string; name: string }[] }>(token, 'GET', '/api/v1/admin/departments')
  const office = departments.find(({ code }) => code === 'OFFICE')!
  const page = await open('/admin/standing', { token, width: 390, dark: true, expects: /ERR_FAILED.*subscriptions/ })
  await choose(page, '部门', office.name)
  await page.getByText('还没有长期订餐').waitFor()
  await page.getByRole('button', { name: '新建长期订餐' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: '全选' }).click()
  const keys: string[] = []
  await page.route('**/api/v1/subscriptions', async (route) => {
    keys.push(route.request().headers()['idempotency-key']!)
    if (keys.length > 1) return route.continue()
    await route.fetch()
    return route.abort()
  })
  const day = await freeDay()
  await dialog.getByLabel('开始日期').fill(day)
  await dialog.getByLabel('结束日期').fill(day)
  await dialog.getByRole('button', { name: '开始', exact: true }).click()
  await dialog.getByText('结果未知').waitFor()
  await accessible(page)
  await shoot(page, 'standing-dialog-390-dark')
  await dialog.getByRole('button', { name: '开始', exact: true }).click()
  await dialog.waitFor({ state: 'hidden' })
  await page.locator('summary').waitFor()
  expect([keys.length, new Set(keys).size]).toEqual([2, 1])
  const { subscriptions } = await call<{ subscriptions: Standing[] }>(token, 'GET', `/api/v1/subscriptions?department_id=${office.department_id}`)
  expect(subscriptions.length).toBe(1)
  await page.locator('summary').click()
  await page.getByText('还没有自动下过单').waitFor()
  await accessible(page)
  await shoot(page, 'standing-runs-390-dark')
})
