import { expect, test } from 'vitest'

import { accessible, call, choose, open, shoot, tokenOf } from './browser'
import { balanceOf, freeDay, makeCabinet, makeMeal, member, order, shopper } from './house'

const token = await tokenOf('admin')

interface Row {
  user_id: number
  nickname: string
  account: string | null
  department: { name: string } | null
  grants: { role: string; department_id: number | null; store_id: number | null }[]
}
const rowOf = (user_id: number) => call<Row>(token, 'GET', `/api/v1/admin/members/${user_id}`)
const idIn = (address: string) => Number(/\/(\d+)(\?|$)/.exec(address)![1])

test('a member is added, edited, given a role and a password, signs in, and loses the role again', async () => {
  const account = `guest${Date.now() % 1e9}`
  const page = await open('/admin/members', { token, expects: /4\d\d.*members/ })
  await page.getByRole('button', { name: '添加用户' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: '保存' }).click()
  await dialog.getByText('必填').waitFor()
  await accessible(page)
  await dialog.getByLabel('昵称').fill('新来的')
  await dialog.getByLabel('账号').fill('no spaces please')
  await dialog.getByRole('button', { name: '保存' }).click()
  await dialog.locator('.el-form-item__error, [role=alert]').first().waitFor()
  await dialog.getByLabel('账号').fill(account)
  await dialog.getByRole('combobox', { name: '部门' }).click()
  await page.getByRole('option', { name: '行政部' }).click()
  await shoot(page, 'member-dialog-1440-light')
  await dialog.getByRole('button', { name: '保存' }).click()
  await page.locator('h1', { hasText: '新来的' }).waitFor()
  const id = idIn(page.url())
  expect(await rowOf(id)).toMatchObject({ nickname: '新来的', account, department: { name: '行政部' } })

  await page.getByRole('button', { name: '编辑' }).click()
  await dialog.getByLabel('昵称').fill('老员工')
  await dialog.getByRole('combobox', { name: '部门' }).click()
  await page.getByRole('option', { name: '无部门' }).click()
  await dialog.getByRole('button', { name: '保存' }).click()
  await page.locator('h1', { hasText: '老员工' }).waitFor()
  expect(await rowOf(id)).toMatchObject({ nickname: '老员工', account, department: null })

  await page.getByText('没有其他角色').waitFor()
  await page.getByRole('button', { name: '授予角色' }).click()
  await dialog.getByRole('button', { name: '授予角色' }).click()
  await dialog.getByText('请选择部门', { exact: true }).first().waitFor()
  await dialog.getByRole('combobox', { name: '部门' }).click()
  await page.getByRole('option', { name: '市场部' }).click()
  await accessible(page)
  await dialog.getByRole('button', { name: '授予角色' }).click()
  const held = page.locator('li', { hasText: '部门管理员' })
  await held.getByText('市场部').waitFor()

  const password = `a long enough one ${Date.now()}`
  await page.getByRole('button', { name: '设置密码' }).click()
  await dialog.getByLabel('新密码').fill(password)
  await dialog.getByLabel('再输入一次').fill(password)
  await dialog.getByRole('button', { name: '保存' }).click()
  await dialog.waitFor({ state: 'hidden' })
  const sign = () => call<{ token: string; user_info: { permissions: string[] } }>(undefined, 'POST', '/api/v1/auth/password', { account, password })
  expect((await sign()).user_info.permissions).toContain('department:book')
  await accessible(page)
  await shoot(page, 'member-roles-1440-light')

  await held.getByRole('button', { name: '收回' }).click()
  await dialog.getByText('从下一次操作起不再有这个角色的权限').waitFor()
  await dialog.getByRole('button', { name: '收回' }).click()
  await page.getByText('没有其他角色').waitFor()
  expect((await sign()).user_info.permissions).not.toContain('department:book')
})

test('members are found by role', async () => {
  const page = await open('/admin/members', { token })
  await choose(page, '角色', '部门管理员')
  await page.waitForURL(/role=dept_admin/)
  await page.locator('tr', { hasText: 'zhou.min' }).waitFor()
  await page.getByRole('link', { name: '张伟' }).waitFor({ state: 'detached' })
})

test('a department is made and set up: who pays, how much it may owe, its money and its administrators', async () => {
  const code = `S${Date.now() % 1e9}`
  const page = await open('/admin/departments', { token })
  await page.getByRole('button', { name: '新建部门' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('名称').fill('筹备组')
  await dialog.getByLabel('代码').fill(code)
  await dialog.getByRole('button', { name: '保存' }).click()
  await page.locator('h1', { hasText: '筹备组' }).waitFor()
  const id = idIn(page.url())
  const find = () => call<{ pays: string; balance_cents: number; overdraft_limit_cents: number | null; members_may_cancel: boolean; admins: { nickname: string }[] }>(token, 'GET', `/api/v1/admin/departments/${id}`)

  await page.getByRole('button', { name: '设置' }).click()
  await dialog.getByLabel('部门支付').check()
  await dialog.getByRole('radio', { name: '最多可欠' }).check()
  await dialog.getByRole('button', { name: '保存' }).click()
  await dialog.getByText('请填写金额').waitFor()
  await dialog.getByRole('textbox', { name: '最多可欠' }).fill('500')
  await dialog.getByLabel('成员可以自己修改').uncheck()
  await accessible(page)
  await shoot(page, 'department-dialog-1440-light')
  await dialog.getByRole('button', { name: '保存' }).click()
  await page.getByText('¥500.00').waitFor()
  expect(await find()).toMatchObject({ pays: 'department', overdraft_limit_cents: 50_000, members_may_cancel: false })

  await page.getByRole('button', { name: '充值' }).click()
  await dialog.getByLabel('金额').fill('1000')
  await dialog.getByRole('button', { name: '充值' }).click()
  await page.getByText('+1,000.00').waitFor()
  await page.getByRole('button', { name: '调整余额' }).click()
  await dialog.getByLabel('金额').fill('-20')
  await dialog.getByLabel('原因').fill('票据更正')
  await dialog.getByRole('button', { name: '保存' }).click()
  await page.getByText('−20.00').waitFor()
  expect((await find()).balance_cents).toBe(98_000)

  // An order that it pays for is in its ledger, with who eats it.
  const eater = await member('xieting')
  await call(token, 'PUT', `/api/v1/admin/members/${eater.user_id}`, { department: code })
  const before = await balanceOf(eater.user_id)
  await order(eater, await makeMeal(await freeDay()))
  await page.reload()
  await page.locator('tr', { hasText: '谢婷' }).getByText('−15.00').waitFor()
  expect(await balanceOf(eater.user_id)).toBe(before)
  const file = page.waitForEvent('download')
  await page.getByRole('button', { name: '导出 Excel' }).click()
  expect((await file).suggestedFilename()).toContain(code)

  await page.getByRole('button', { name: '添加管理员' }).click()
  await dialog.getByRole('combobox', { name: '用户' }).fill('谢婷')
  await page.getByRole('option', { name: /谢婷/ }).click()
  await dialog.getByRole('button', { name: '确定' }).click()
  const admin = page.locator('.admins li', { hasText: '谢婷' })
  await admin.waitFor()
  await accessible(page)
  await shoot(page, 'department-1440-light')
  await admin.getByRole('button', { name: '撤销' }).click()
  await dialog.getByRole('button', { name: '撤销' }).click()
  await page.getByText('还没有部门管理员').waitFor()
  expect((await find()).admins).toEqual([])
})

test('departments are found by name, and what is not there says so', async () => {
  const page = await open('/admin/departments', { token, width: 390 })
  await page.getByRole('searchbox').fill('市场')
  await page.waitForURL(/query=/)
  await page.getByRole('link', { name: '市场部' }).waitFor()
  await page.getByRole('link', { name: '研发部' }).waitFor({ state: 'detached' })
  await page.getByRole('searchbox').fill('没有这样的部门')
  await page.getByText('没有符合的部门').waitFor()
  await page.getByRole('button', { name: '清除筛选' }).click()
  await page.getByRole('link', { name: '研发部' }).waitFor()
})

test('whoever serves in one store holds the role there, by the store’s name', async () => {
  const { store_id, code } = await makeCabinet('西丽柜')
  const someone = await shopper('店员小陆')
  const page = await open(`/admin/members/${someone.user_id}`, { token })
  await page.getByText('没有其他角色').waitFor()
  await page.getByRole('button', { name: '授予角色' }).click()
  const dialog = page.getByRole('dialog')
  await choose(page, '角色', '门店人员')
  await choose(page, '门店', `西丽柜的门店 · ${code}`)
  await accessible(page)
  await dialog.getByRole('button', { name: '授予角色' }).click()
  const held = page.locator('li', { hasText: '门店人员' })
  await held.getByText('西丽柜的门店').waitFor()
  expect((await rowOf(someone.user_id)).grants).toContainEqual({ role: 'store_staff', department_id: null, store_id })
  await accessible(page)
  await shoot(page, 'member-store-role-1440-light')

  await held.getByRole('button', { name: '收回' }).click()
  await dialog.getByRole('button', { name: '收回' }).click()
  await page.getByText('没有其他角色').waitFor()
  await page.getByRole('button', { name: '授予角色' }).click()
  await choose(page, '角色', '门店人员')
  await dialog.getByRole('button', { name: '授予角色' }).click()
  await held.getByText('全部门店').waitFor()
})
