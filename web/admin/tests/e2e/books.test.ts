import { expect, test } from 'vitest'

import { accessible, call, open, shoot, tokenOf } from './browser'
import { freeDay, makeMeal, member, order } from './house'

const token = await tokenOf('admin')

test('the books are checked', async () => {
  const page = await open('/admin/consistency', { token })
  await page.getByRole('button', { name: '立即检查' }).click()
  await page.getByRole('heading', { name: '全部一致' }).waitFor()
  expect(await page.getByText('通过', { exact: true }).count()).toBe(10)
  await shoot(page, 'consistency-pass-1440-light')
  await accessible(page)
  // The dashboard shows the same report.
  await page.getByRole('link', { name: '总览' }).click()
  await page.getByText('对账检查全部通过').waitFor()
})

test('a finding can be repaired, with what that does from the server’s own dry run', async () => {
  const eater = await member('songxue')
  const meal = await makeMeal(await freeDay())
  await order(eater, meal, 3)
  const page = await open('/admin/consistency', { token })
  // The report alone is made up, for the books are right; every repair is asked of the server.
  await page.route('**/admin/consistency', async (route) => {
    const report = (await (await route.fetch()).json()) as { data: { overall_status: string; checks: Record<string, Record<string, unknown>> } }
    const { data } = report
    data.overall_status = 'fail'
    Object.assign(data.checks.balance!, {
      status: 'fail',
      inconsistent_count: 1,
      details: [{ user_id: eater.user_id, nickname: eater.nickname, owner_kind: 'member', owner_id: eater.user_id, currency: 'CNY', recorded_balance: 5, calculated_balance: 1005, difference: 1000, recorded_entries: 2, counted_entries: 2 }],
    })
    Object.assign(data.checks.holds!, { status: 'fail', inconsistent_count: 101, details: [{ pool_id: meal, order_id: null, recorded: 9, calculated: 3 }] })
    await route.fulfill({ json: report })
  })
  await page.getByRole('button', { name: '立即检查' }).click()
  await page.getByRole('heading', { name: '发现 102 处不一致' }).waitFor()
  await page.getByText('只列出前一百处').waitFor()
  await accessible(page)
  await shoot(page, 'consistency-fail-1440-light')
  await page.getByRole('button', { name: '修复…' }).first().click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText(/余额从 ¥[\d,.]+ 改为 ¥[\d,.]+（0\.00）/).waitFor()
  await dialog.getByRole('button', { name: '返回' }).click()
  await page.getByRole('button', { name: '修复…' }).nth(1).click()
  await dialog.getByText('已占用从 3 份改为 3 份，更正 0 处占用。').waitFor()
  await dialog.getByRole('button', { name: '修复' }).click()
  await page.getByText('已修复').waitFor()
})

test('the trail is searched, and a page has a next one and a way back', async () => {
  const meal = await makeMeal(await freeDay())
  await call(token, 'PUT', `/api/v1/meals/${meal}`, { capacity: 12, title: '改名' })
  const page = await open(`/admin/audit?kind=meal&object=${meal}`, { token })
  await page.locator('tr', { hasText: '编辑餐次' }).waitFor()
  expect(await page.locator('.scroll > table > tbody > tr').count()).toBe(2)
  await page.locator('.scroll > table > tbody > tr', { hasText: '编辑餐次' }).locator('summary').click()
  await page.getByRole('row', { name: '容量 10 12' }).waitFor()
  await accessible(page)

  await page.getByRole('button', { name: '清除筛选' }).click()
  await page.getByRole('button', { name: '下一页' }).click()
  await page.waitForURL(/cursor=/)
  await page.getByRole('button', { name: '上一页' }).click()
  await page.waitForURL((now) => !now.search.includes('cursor'))
  await page.getByRole('combobox', { name: '动作' }).click()
  await page.getByRole('option', { name: '下单', exact: true }).click()
  await page.waitForURL(/action=order\.place/)
  await page.locator('tbody > tr', { hasText: '新建餐次' }).first().waitFor({ state: 'detached' })
})

test('a job is run by hand, paused and resumed, and its runs are on record', async () => {
  const page = await open('/admin/jobs', { token })
  const row = page.locator('tbody > tr').first()
  await row.getByRole('button', { name: '立即运行' }).click()
  await page.getByText('任务已运行').waitFor()
  await row.getByText('成功').waitFor()
  await row.getByRole('button', { name: '暂停' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('暂停后不再按计划运行').waitFor()
  await dialog.getByRole('button', { name: '暂停' }).click()
  await row.getByText('已暂停').waitFor()
  await row.getByRole('button', { name: '恢复' }).click()
  await dialog.getByRole('button', { name: '恢复' }).click()
  await row.getByText('已暂停').waitFor({ state: 'detached' })
  await row.getByRole('link').click()
  await page.getByText('系统管理员').first().waitFor()
  await page.locator('tbody').getByText('成功').first().waitFor()
  await accessible(page)
  await shoot(page, 'job-runs-1440-light')
})

test('a report is made, read, and taken home as a workbook', async () => {
  const page = await open('/admin/jobs', { token })
  const job = page.locator('tbody > tr', { hasText: 'make-reports' })
  await job.getByRole('button', { name: '立即运行' }).click()
  await page.getByText('任务已运行').waitFor()

  await page.getByRole('link', { name: '报告', exact: true }).click()
  const rows = page.locator('tbody tr:not(.bone)')
  await rows.nth(2).waitFor()
  await page.getByRole('button', { name: '日报', exact: true }).click()
  await page.waitForURL(/kind=daily/)
  await expect.poll(() => rows.count()).toBe(1)
  const name = await rows.getByRole('link').textContent()
  await rows.getByRole('link').click()
  await page.getByRole('heading', { name: name! }).waitFor()
  // What the page says of meals is what their table adds up to.
  const revenue = page.locator('.figure', { hasText: '餐费收入' }).locator('dd').first()
  expect(await revenue.textContent()).toMatch(/^¥[1-9][\d,]*\.\d\d$/)
  await page.getByRole('row', { name: /^午餐 \d+ \d+ [\d,.]+/ }).waitFor()
  await accessible(page)
  await shoot(page, 'report-daily-1440-light')
  const file = page.waitForEvent('download')
  await page.getByRole('button', { name: '导出 Excel' }).click()
  expect((await file).suggestedFilename()).toMatch(/^日报_\d{4}-\d\d-\d\d\.xlsx$/)

  for (const [kind, list] of [['异常报告', '待处理的异常单'], ['健康报告', '任务']] as const) {
    await page.goto(`${new URL(page.url()).origin}/admin/reports`)
    await rows.getByRole('link', { name: new RegExp(kind) }).click()
    await page.getByRole('heading', { name: list, exact: true }).waitFor()
    await accessible(page)
    await shoot(page, `report-${kind === '健康报告' ? 'health' : 'exceptions'}-1440-light`)
  }
})

test('settings are found, each says where it comes from, and no secret is told', async () => {
  const page = await open('/admin/settings', { token })
  const rows = page.locator('.settings li')
  await rows.first().waitFor()
  // Each has a name of its own, and a place in the description of all settings.
  const described = await (await fetch(`${new URL(page.url()).origin}/docs/configuration`)).text()
  for (const row of await rows.all()) {
    const key = (await row.locator('code').first().textContent())!
    expect((await row.locator('span').first().textContent())!.trim().startsWith(key), `${key} has no name`).toBe(false)
    expect(described).toContain(`id="${key.replace('alert_rules.', '')}"`)
  }
  await page.getByRole('searchbox').fill('密钥')
  await page.waitForURL(/query=/)
  const secret = rows.filter({ hasText: 'wechat.app_secret' })
  await secret.getByText('已设置').waitFor()
  await rows.filter({ hasText: 'erp.secret' }).getByText('未设置').waitFor()
  await accessible(page)
  await shoot(page, 'settings-found-1440-light')
  await page.getByRole('button', { name: '未设置的' }).click()
  await secret.waitFor({ state: 'detached' })
  await page.reload()
  await rows.filter({ hasText: 'erp.secret' }).waitFor()
  expect(await secret.count()).toBe(0)
  await page.getByRole('searchbox').fill('log_filter')
  await page.getByText('没有符合的设置').waitFor()
  await page.getByRole('button', { name: '清除筛选' }).click()
  await rows.filter({ hasText: 'FANPIAO_LOG__FILTER' }).getByText('环境变量').waitFor()
  await page.getByRole('row', { name: /^微信支付/ }).waitFor()
  await page.getByText(/^未配置：ERP、/).waitFor()
})
