import { expect, test } from 'vitest'

import { accessible, call, open, shoot, tokenOf } from './browser'
import { balanceOf, freeDay, makeMeal } from './house'

const token = await tokenOf('admin')
const deptAdmin = await tokenOf('zhou.min')

interface Booked {
  orders: { orderId: string; date: string; mealType: string; memberCount: number; members: { name: string; status: string }[] }[]
}
const ordersOn = (day: string) => call<Booked>(deptAdmin, 'GET', `/api/dining/enhanced/department-orders?date=${day}`)

test('meals are picked with the keyboard, checked, booked, and what failed is corrected and sent again', async () => {
  const day = await freeDay()
  await makeMeal(day, { slot: 'lunch', capacity: 40, title: '午间套餐' })
  await makeMeal(day, { slot: 'dinner', capacity: 1, title: '限量晚餐' })
  const page = await open(`/admin/booking?week=${day}`, { token: deptAdmin })
  const grid = page.getByRole('grid')
  await grid.getByRole('gridcell').first().waitFor()
  await accessible(page)
  await shoot(page, 'booking-empty-1440-light')

  // Into the grid, two to the lunch, then the whole dinner from its heading.
  const first = grid.getByRole('gridcell').first()
  await first.focus()
  await page.keyboard.press('Space')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Space')
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('Space')
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('Space')
  await page.getByText('4 份 · 2 个餐次').waitFor()
  await page.getByText('只剩 1 份').waitFor()
  expect(await first.getAttribute('aria-selected')).toBe('true')
  await page.keyboard.press('ArrowUp')
  expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toContain('限量晚餐')

  await page.getByLabel('备注').fill('开会')
  await page.getByRole('button', { name: '试算' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('将预订 2 份，共 ¥30.00').waitFor()
  await dialog.getByText('1 个餐次不能预订').waitFor()
  await accessible(page)
  await shoot(page, 'booking-check-1440-light')
  expect((await ordersOn(day)).orders).toEqual([])

  await dialog.getByRole('button', { name: '提交报餐' }).click()
  await dialog.getByText('已预订 2 份，共 ¥30.00').waitFor()
  await dialog.getByText('没有成功的仍被选中').waitFor()
  await dialog.getByRole('button', { name: '去改正' }).click()
  await page.getByText('2 份 · 1 个餐次').waitFor()
  await grid.getByText('已订').nth(1).waitFor()
  await page.getByRole('alert').getByText('晚餐').waitFor()
  await accessible(page)
  await shoot(page, 'booking-failed-1440-light')

  // One of the two gives way.
  await grid.getByRole('gridcell', { selected: true }).last().click()
  await page.getByText('1 份 · 1 个餐次').waitFor()
  await page.getByRole('button', { name: '试算' }).click()
  await dialog.getByText('将预订 1 份，共 ¥15.00').waitFor()
  await dialog.getByRole('button', { name: '提交报餐' }).click()
  await dialog.getByRole('button', { name: '完成' }).click()
  await page.getByText('还没有选择').waitFor()
  const { orders } = await ordersOn(day)
  expect(orders.map(({ mealType, memberCount }) => `${mealType} ${memberCount}`).sort()).toEqual(['dinner 1', 'lunch 2'])
})

test('a booking whose answer is lost is sent again under its key and booked once', async () => {
  const day = await freeDay()
  await makeMeal(day, { capacity: 40 })
  const page = await open(`/admin/booking?week=${day}`, { token: deptAdmin, expects: /ERR_FAILED.*batch-orders/ })
  const keys: string[] = []
  await page.route('**/batch-orders?dry_run=false', async (route) => {
    keys.push(route.request().headers()['idempotency-key']!)
    if (keys.length > 1) return route.continue()
    await route.fetch()
    return route.abort()
  })
  await page.getByRole('grid').getByRole('gridcell').first().click()
  await page.getByRole('button', { name: '试算' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('将预订 1 份，共 ¥15.00').waitFor()
  await dialog.getByRole('button', { name: '提交报餐' }).click()
  await dialog.getByText('部分结果未知').waitFor()
  await dialog.getByRole('button', { name: '结果未知的，重新提交' }).click()
  await dialog.getByText('已预订 1 份，共 ¥15.00').waitFor()
  expect(keys.length).toBe(2)
  expect(keys[0]).toBe(keys[1])
  expect((await ordersOn(day)).orders.length).toBe(1)
})

test('an administrator books for any department, and calls off a part and the whole with the numbers said before', async () => {
  const day = await freeDay()
  await makeMeal(day, { capacity: 40 })
  const { departments } = await call<{ departments: { department_id: number; code: string }[] }>(token, 'GET', '/api/v1/admin/departments')
  const departmentId = String(departments.find(({ code }) => code === 'OFFICE')!.department_id)
  const { members } = await call<{ members: { userId: string; name: string }[] }>(token, 'GET', `/api/dining/enhanced/dept-members?departmentId=${departmentId}`)
  const three = members.slice(0, 3)
  await call(token, 'POST', '/api/dining/enhanced/batch-orders', {
    departmentId,
    orders: [{ date: day, mealType: 'lunch', members: three.map(({ userId }) => ({ userId })), remark: '培训' }],
  })
  const { members: rows } = await call<{ members: { user_id: number; nickname: string }[] }>(token, 'GET', `/api/v1/admin/members?query=${encodeURIComponent(three[0]!.name)}`)
  const before = await balanceOf(rows[0]!.user_id)

  const page = await open(`/admin/group-orders?department=${departmentId}&date=${day}`, { token })
  await page.locator('summary').click()
  await page.getByText('备注：培训').waitFor()
  await accessible(page)
  await shoot(page, 'group-orders-1440-light')
  await page.getByRole('button', { name: new RegExp(`取消 ${three[0]!.name} 的`) }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('取消 1 份，退还 ¥15.00。').waitFor()
  await dialog.getByRole('button', { name: '取消', exact: true }).click()
  await page.getByText('已取消 1 份，退还 ¥15.00').waitFor()
  await page.locator('summary').getByText('2 人').waitFor()
  expect(await balanceOf(rows[0]!.user_id)).toBe(before + 1_500)

  await page.getByRole('button', { name: '取消报餐单' }).click()
  await dialog.getByText('取消 2 份，退还 ¥30.00。').waitFor()
  await dialog.getByRole('button', { name: '取消报餐单' }).click()
  await page.locator('summary').getByText('已取消').waitFor()
})

test('the grid works on a phone, in the dark', async () => {
  const day = await freeDay()
  await makeMeal(day, { capacity: 40 })
  const page = await open(`/admin/booking?week=${day}`, { token: deptAdmin, width: 390, dark: true })
  await page.getByRole('grid').getByRole('gridcell').first().click()
  await page.getByText('1 份 · 1 个餐次').waitFor()
  await accessible(page)
  await shoot(page, 'booking-390-dark')
})

test('a long booking is stopped after the request that is on its way, and goes on from there', async () => {
  const day = await freeDay()
  await makeMeal(day, { capacity: 80 })
  const code = `STOP${Date.now() % 1e8}`
  const { department_id } = await call<{ department_id: number }>(token, 'POST', '/api/v1/admin/departments', { code, name: '会务组', pays: 'department' })
  await call(token, 'POST', `/api/v1/admin/departments/${department_id}/fund`, { amount_cents: 200_000 })
  // One more than a request may hold.
  const lines = Array.from({ length: 51 }, (_, at) => `${code.toLowerCase()}${at},会务${at},${code}`)
  const content = Buffer.from(['账号,昵称,部门编号', ...lines].join('\n')).toString('base64')
  const { token: agreed } = await call<{ token: string }>(token, 'POST', '/api/v1/admin/members/import?dry_run=true', { content })
  await call(token, 'POST', '/api/v1/admin/members/import', { content, token: agreed })
  const booked = async () => {
    const path = `/api/dining/enhanced/department-orders?date=${day}&departmentId=${department_id}`
    return (await call<Booked>(token, 'GET', path)).orders.map(({ memberCount }) => memberCount)
  }

  const page = await open(`/admin/booking?week=${day}&department=${department_id}`, { token })
  const keys: string[] = []
  let answer = () => {}
  const held = new Promise<void>((resolve) => (answer = resolve))
  await page.route('**/batch-orders?dry_run=false', async (route) => {
    keys.push(route.request().headers()['idempotency-key']!)
    if (keys.length === 1) await held
    return route.continue()
  })
  await page.getByRole('grid').getByRole('columnheader').getByRole('button').first().click()
  await page.getByText('51 份 · 1 个餐次').waitFor()
  await page.getByRole('button', { name: '试算' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('将预订 51 份，共 ¥765.00').waitFor()
  await dialog.getByRole('button', { name: '提交报餐' }).click()
  await dialog.getByText('0 / 51').waitFor()
  await shoot(page, 'booking-sending-1440-light')
  await dialog.getByRole('button', { name: '停止' }).click()
  answer()
  await dialog.getByText('已停止：1 份还没有提交，可以继续。').waitFor()
  await dialog.getByText('已预订 50 份，共 ¥750.00').waitFor()
  await dialog.getByText('还没有提交').last().waitFor()
  await accessible(page)
  await shoot(page, 'booking-stopped-1440-light')
  expect(keys.length).toBe(1)
  expect(await booked()).toEqual([50])

  await dialog.getByRole('button', { name: '继续预订' }).click()
  await dialog.getByText('已预订 51 份，共 ¥765.00').waitFor()
  expect(new Set(keys).size).toBe(2)
  expect((await booked()).sort()).toEqual([1, 50])
  await dialog.getByRole('button', { name: '完成' }).click()
  await page.getByText('还没有选择').waitFor()
})
