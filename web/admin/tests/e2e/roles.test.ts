import { expect, test } from 'vitest'

import { accessible, call, open, shoot, tokenOf } from './browser'
import { member } from './house'

const token = await tokenOf('admin')
const code = `r${Date.now() % 1e8}`

test('a role is made, granted, and its holder sees those pages and is refused the rest', async () => {
  const holder = await member('gaoqiang')
  const page = await open('/admin/roles', { token })
  await page.getByRole('link', { name: '财务', exact: true }).waitFor()
  await accessible(page)
  await shoot(page, 'roles-1440-light')
  await page.getByRole('button', { name: '新建角色' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('中文名称').fill('点餐台')
  await dialog.getByLabel('英文名称').fill('Counter')
  await dialog.getByLabel('代码').fill('Bad Code')
  await dialog.getByText('以字母开头').waitFor()
  await dialog.getByLabel('代码').fill(code)
  await accessible(page)
  await dialog.getByRole('button', { name: '保存' }).click()
  await page.waitForURL(new RegExp(`/roles/${code}$`))

  await page.getByRole('group', { name: '餐次' }).getByRole('checkbox').first().check()
  await page.getByRole('group', { name: '用户' }).getByRole('checkbox').first().check()
  await page.getByText('增加 2 项 · 现在没有人持有。').or(page.getByText('增加 2 项')).first().waitFor()
  await accessible(page)
  await shoot(page, 'role-1440-light')
  await page.getByRole('button', { name: '保存' }).click()
  await page.getByText('角色已保存').waitFor()
  const made = await call<{ permissions: string[]; version: number }>(token, 'GET', `/api/v1/admin/roles/${code}`)
  expect(made.permissions.length).toBe(2)

  await page.goto(page.url().replace(/\/admin\/.*/, `/admin/members/${holder.user_id}`))
  await page.getByRole('button', { name: '授予角色' }).click()
  await page.getByRole('combobox', { name: '角色' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('option', { name: '点餐台' }).click()
  await dialog.getByRole('button', { name: '授予角色' }).click()
  await dialog.waitFor({ state: 'hidden' })
  await page.getByRole('link', { name: '点餐台' }).waitFor()

  const theirs = await open('/admin/', { token: holder.token })
  const links = theirs.getByRole('navigation', { name: '主导航' }).getByRole('link')
  await links.first().waitFor()
  expect((await links.allInnerTexts()).map((link) => link.trim())).toEqual(['总览', '餐次', '用户', '部门', '角色'])
  await call(holder.token, 'GET', '/api/v1/admin/members')
  await expect(call(holder.token, 'GET', '/api/v1/admin/wallets/totals')).rejects.toThrow('403')
  await expect(call(holder.token, 'DELETE', `/api/v1/admin/roles/${code}?version=${made.version}`)).rejects.toThrow('403')

  // Taken away, the next request is refused.
  await call(token, 'DELETE', `/api/v1/admin/members/${holder.user_id}/roles/${code}`)
  await expect(call(holder.token, 'GET', '/api/v1/admin/members')).rejects.toThrow('403')
})

test('what somebody else changed meanwhile is told, nothing typed is lost, and a role is deleted', async () => {
  const page = await open(`/admin/roles/${code}`, { token, width: 390, dark: true, language: 'en', expects: /409.*roles/ })
  const name = page.getByLabel('English name')
  await name.fill('Front counter')
  const { version, name_zh, permissions } = await call<{ version: number; name_zh: string; permissions: string[] }>(token, 'GET', `/api/v1/admin/roles/${code}`)
  await call(token, 'PUT', `/api/v1/admin/roles/${code}`, { version, name_zh, name_en: 'Till', permissions })
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Somebody else has just changed this role.').waitFor()
  expect(await name.inputValue()).toBe('Front counter')
  await accessible(page)
  await shoot(page, 'role-stale-390-dark')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Role saved').waitFor()
  expect((await call<{ name_en: string }>(token, 'GET', `/api/v1/admin/roles/${code}`)).name_en).toBe('Front counter')
  await page.getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByText('Nobody holds this role.').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await page.waitForURL(/\/roles$/)
  await expect(call(token, 'GET', `/api/v1/admin/roles/${code}`)).rejects.toThrow('404')
})
