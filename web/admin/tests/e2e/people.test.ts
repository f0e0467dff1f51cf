import { expect, test } from 'vitest'

import { accessible, call, choose, open, shoot, tokenOf } from './browser'
import { freeDay, makeMeal, member, order } from './house'
import { passwords } from './server'

const token = await tokenOf('admin')

async function balance(user_id: number): Promise<number> {
  return (await call<{ balance_cents: number }>(token, 'GET', `/api/v1/admin/members/${user_id}`)).balance_cents
}

test('members are found by name, department and state, and the address says so', async () => {
  const page = await open('/admin/members', { token })
  await page.getByRole('searchbox').fill('张')
  await page.waitForURL(/query=/)
  await page.getByRole('link', { name: '张伟' }).waitFor()
  await page.getByRole('link', { name: '王芳' }).waitFor({ state: 'hidden' })
  await page.getByRole('searchbox').fill('nobody at all')
  await page.getByText('没有符合条件的用户').waitFor()
  await page.getByRole('button', { name: '清除筛选' }).click()
  await page.getByRole('link', { name: '王芳' }).waitFor()
  await page.getByRole('combobox', { name: '部门' }).click()
  await page.getByRole('option', { name: '市场部' }).click()
  await page.waitForURL(/department=SALES/)
  await page.getByRole('link', { name: '张伟' }).waitFor({ state: 'hidden' })
})

test('a list is sorted by its headings, shows the columns that are chosen, and is taken home as it is shown', async () => {
  const { members: poorest } = await call<{ members: { nickname: string; balance_cents: number }[] }>(token, 'GET', '/api/v1/admin/members?sort=balance_cents&limit=100')
  const page = await open('/admin/members', { token })
  const heading = (name: string) => page.getByRole('columnheader', { name })
  const first = page.locator('tbody tr').first()
  await page.getByRole('link', { name: '张伟' }).waitFor()
  expect(await heading('加入时间').getAttribute('aria-sort')).toBe('ascending')
  expect(await heading('余额').getAttribute('aria-sort')).toBe('none')

  // Figures begin with their largest; with the keyboard as with the mouse.
  await heading('余额').getByRole('button').click()
  await page.waitForURL(/sort=-balance_cents/)
  await expect.poll(() => heading('余额').getAttribute('aria-sort')).toBe('descending')
  await heading('余额').getByRole('button').focus()
  await page.keyboard.press('Enter')
  await page.waitForURL(/sort=balance_cents/)
  await expect.poll(() => heading('余额').getAttribute('aria-sort')).toBe('ascending')
  await first.getByRole('link', { name: poorest[0]!.nickname }).waitFor()
  await accessible(page)
  await shoot(page, 'members-sorted-1440-light')

  await page.getByRole('button', { name: '选择列' }).click()
  await page.getByRole('checkbox', { name: '编号', exact: true }).check()
  await heading('编号').waitFor()
  await page.reload()
  await heading('编号').waitFor()
  expect(await heading('余额').getAttribute('aria-sort')).toBe('ascending')

  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: '导出 Excel' }).click()])
  expect(file.suggestedFilename()).toMatch(/^用户_\d{4}-\d{2}-\d{2}\.xlsx$/)

  const phone = await open('/admin/members?sort=-balance_cents', { token, width: 390, dark: true })
  await choose(phone, '排序', '余额 ↑')
  await phone.waitForURL(/sort=balance_cents/)
  await phone.locator('tbody tr').first().getByRole('link', { name: poorest[0]!.nickname }).waitFor()
  await accessible(phone)
  await shoot(phone, 'members-sorted-390-dark')
})

test('a recharge whose answer is lost is sent again under its key and done once', async () => {
  const { user_id } = await member('huming')
  const before = await balance(user_id)
  const page = await open(`/admin/members/${user_id}`, { token, expects: /ERR_FAILED.*recharge/ })
  const keys: string[] = []
  let lost = false
  await page.route('**/balance/recharge', async (route) => {
    keys.push(route.request().headers()['idempotency-key']!)
    if (lost) return route.continue()
    lost = true
    // The server does it; nobody hears of it.
    await route.fetch()
    return route.abort()
  })
  await page.getByRole('button', { name: '充值' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('金额').fill('abc')
  await dialog.getByText('请填写金额，最多两位小数').waitFor()
  await dialog.getByLabel('金额').fill('-5')
  await dialog.getByText('充值金额须大于零').waitFor()
  await dialog.getByLabel('金额').fill('200.5')
  await dialog.getByText(((before + 20050) / 100).toLocaleString('en', { minimumFractionDigits: 2 })).waitFor()
  await shoot(page, 'recharge-1440-light')
  await dialog.getByRole('button', { name: '充值' }).click()
  await dialog.getByText('结果未知').waitFor()
  await accessible(page)
  expect(await dialog.getByLabel('金额').inputValue()).toBe('200.5')
  await dialog.getByRole('button', { name: '充值' }).click()
  await dialog.waitFor({ state: 'hidden' })
  expect(keys.length).toBe(2)
  expect(keys[0]).toBe(keys[1])
  expect(await balance(user_id)).toBe(before + 20050)
  await page.getByText('+200.50').waitFor()
})

test('an adjustment needs a reason, and an overdraft limit binds', async () => {
  const eater = await member('zhaolei')
  const page = await open(`/admin/members/${eater.user_id}`, { token })
  const now = await balance(eater.user_id)
  await page.getByRole('button', { name: '调整余额' }).click()
  const dialog = page.getByRole('dialog')
  // Since the page was read something has come in.
  await call(token, 'POST', '/api/v1/users/balance/recharge', { user_id: eater.user_id, amount_cents: 300 })
  await dialog.getByLabel('金额').fill(`-${(now + 300) / 100}`)
  await dialog.locator('.sums b').getByText('¥0.00', { exact: true }).waitFor()
  expect(await balance(eater.user_id)).toBe(now + 300)
  await shoot(page, 'adjust-1440-light')
  await dialog.getByRole('button', { name: '保存' }).click()
  await dialog.getByText('请说明原因').waitFor()
  await dialog.getByLabel('原因').fill('盘点更正')
  await dialog.getByRole('button', { name: '保存' }).click()
  await dialog.waitFor({ state: 'hidden' })
  expect(await balance(eater.user_id)).toBe(0)

  await page.getByRole('button', { name: '设置透支' }).click()
  await dialog.getByLabel('单独设置').check()
  await dialog.getByLabel('最多可欠').fill('0')
  await dialog.getByRole('button', { name: '保存' }).click()
  await dialog.waitFor({ state: 'hidden' })
  await page.getByText('¥0.00').first().waitFor()
  const meal = await makeMeal(await freeDay())
  await expect(order(eater, meal)).rejects.toThrow('INSUFFICIENT_BALANCE')
})

test('a disabled member is out at once, and in again when enabled', async () => {
  const left = await member('gaoqiang')
  const page = await open(`/admin/members/${left.user_id}`, { token })
  await page.getByRole('button', { name: '停用' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('原因').fill('离职')
  await dialog.getByRole('button', { name: '停用' }).click()
  await page.locator('h1', { hasText: '已停用' }).waitFor()
  await expect(call(left.token, 'GET', '/api/v1/auth/me')).rejects.toThrow('401')
  await page.getByRole('button', { name: '启用' }).click()
  await dialog.getByRole('button', { name: '启用' }).click()
  await page.locator('h1', { hasText: '正常' }).waitFor()
})

test('a department is made, and the server says what is wrong with its code', async () => {
  const code = `D${Date.now() % 1e9}`
  const page = await open('/admin/departments', { token, expects: /422.*departments/ })
  await page.getByRole('button', { name: '新建部门' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('名称').fill('试验部')
  await dialog.getByLabel('代码').fill('a b!')
  await dialog.getByRole('button', { name: '保存' }).click()
  await dialog.locator('.el-form-item__error').waitFor()
  await accessible(page)
  await dialog.getByLabel('代码').fill(code)
  await dialog.getByLabel('部门支付').check()
  await dialog.getByRole('button', { name: '保存' }).click()
  await page.locator('h1', { hasText: '试验部' }).waitFor()
  await page.locator('.facts', { hasText: code }).getByText('部门支付').waitFor()
})

test('the sum of all wallets follows a recharge', async () => {
  const page = await open('/admin/wallets?query=%E8%B0%A2%E5%A9%B7', { token })
  const sum = page.locator('.figure', { hasText: '用户余额' }).locator('dd').first()
  await page.waitForFunction(() => document.querySelector('.figure dd')?.textContent?.startsWith('¥'))
  const before = await sum.innerText()
  await page.getByRole('button', { name: '给 谢婷 充值' }).click()
  await page.getByRole('dialog').getByLabel('金额').fill('1')
  await page.getByRole('dialog').getByRole('button', { name: '充值' }).click()
  await page.getByText('已充值 ¥1.00').waitFor()
  await page.waitForFunction((old) => document.querySelector('.figure dd')?.textContent !== old, before)
})

test('who may do little sees little', async () => {
  const page = await open('/admin/', { token: await tokenOf('zhou.min') })
  await page.getByRole('navigation', { name: '主导航' }).waitFor()
  const links = await page.getByRole('navigation', { name: '主导航' }).getByRole('link').allInnerTexts()
  expect(links.map((link) => link.trim())).toEqual(['总览', '餐次', '报餐', '报餐单', '长期订餐'])
  await page.goto(page.url().replace(/\/admin\/.*/, '/admin/members'))
  await page.getByText('没有权限查看这一页').waitFor()
  await accessible(page)
  await page.goto(page.url().replace(/\/admin\/.*/, '/admin/nowhere/at/all'))
  await page.getByText('没有这一页').waitFor()
})

test('a member is signed out everywhere, and one’s own other sessions are ended one by one', async () => {
  const eater = await member('wuxia')
  await member('wuxia')
  const page = await open(`/admin/members/${eater.user_id}`, { token })
  await page.getByRole('button', { name: '强制下线' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText(/\d+ 个登录立即失效，须重新登录。/).waitFor()
  await dialog.getByRole('button', { name: '强制下线' }).click()
  await page.getByText('没有登录着的会话').waitFor()
  await expect(call(eater.token, 'GET', '/api/v1/auth/me')).rejects.toThrow('401')

  const sign = () => call<{ token: string }>(undefined, 'POST', '/api/v1/auth/password', { account: 'zhou.min', password: passwords.deptAdmin })
  const [own, other] = [await sign(), await sign()]
  const mine = await open('/admin/account', { token: own.token })
  await mine.getByText('本次登录').waitFor()
  const before = await mine.getByRole('button', { name: /^退出 .* 的登录$/ }).count()
  expect(before).toBeGreaterThan(0)
  await accessible(mine)
  // The newest of the others is the one signed in last.
  await mine.getByRole('button', { name: /^退出 .* 的登录$/ }).first().click()
  await mine.getByRole('dialog').getByRole('button', { name: '退出' }).click()
  await mine.getByText('已退出 1 个登录').waitFor()
  await expect.poll(() => mine.getByRole('button', { name: /^退出 .* 的登录$/ }).count()).toBe(before - 1)
  await expect(call(other.token, 'GET', '/api/v1/auth/me')).rejects.toThrow('401')
  await call(own.token, 'GET', '/api/v1/auth/me')
})

test('a password is changed, and one that is too short or wrong is told so', async () => {
  const account = 'zhou.min'
  const [old, fresh] = [passwords.deptAdmin, `changed-${Date.now()}`]
  const sign = (password: string) => call<{ token: string }>(undefined, 'POST', '/api/v1/auth/password', { account, password })
  const own = await sign(old)
  const page = await open('/admin/account', { token: own.token, expects: /422.*auth\/password/ })
  const dialog = page.getByRole('dialog')
  const change = async (current: string, to: string) => {
    await dialog.getByLabel('现在的密码').fill(current)
    await dialog.getByLabel('新密码').fill(to)
    await dialog.getByLabel('再输入一次').fill(to)
    await dialog.getByRole('button', { name: '保存' }).click()
  }
  await page.getByRole('button', { name: '修改密码' }).click()
  await dialog.getByLabel('新密码').fill('short')
  await dialog.getByText('至少 12 个字符').waitFor()
  await change('not the one at all', fresh)
  await dialog.locator('[role=alert], .el-form-item__error').first().waitFor()
  await accessible(page)
  await change(old, fresh)
  await page.getByText('密码已更改').waitFor()
  await expect(sign(old)).rejects.toThrow('401')
  await call((await sign(fresh)).token, 'PUT', '/api/v1/auth/password', { current_password: fresh, new_password: old })
})
