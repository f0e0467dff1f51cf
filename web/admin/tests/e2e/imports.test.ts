import { expect, test } from 'vitest'

import { accessible, call, open, shoot, tokenOf } from './browser'

const token = await tokenOf('admin')
const csv = (name: string, lines: string[]) => ({ name, mimeType: 'text/csv', buffer: Buffer.from(lines.join('\n')) })
const membersNamed = async (query: string) =>
  (await call<{ members: { account: string; nickname: string; department: { code: string } | null }[] }>(token, 'GET', `/api/v1/admin/members?query=${query}`)).members

test('members come out of a file: what is wrong is shown by row, corrected, seen and then done', async () => {
  const run = `imp${Date.now() % 1e8}`
  const page = await open('/admin/members', { token })
  await page.getByRole('button', { name: '导入' }).click()
  const dialog = page.getByRole('dialog')
  await accessible(page)
  const template = page.waitForEvent('download')
  await dialog.getByRole('button', { name: '下载模板' }).click()
  expect((await template).suggestedFilename()).toMatch(/\.xlsx$/)

  const input = dialog.locator('input[type=file]')
  await input.setInputFiles(csv('people.csv', ['账号,昵称,部门编号', `${run}a,新人甲,RD`, `${run}b,新人乙,NOWHERE`, ',没有账号,RD']))
  await dialog.getByText('2 行有误').waitFor()
  await dialog.locator('tr', { hasText: '新人甲' }).getByText('新增').waitFor()
  await dialog.getByRole('button', { name: /^有误/ }).click()
  expect(await dialog.locator('tbody tr').count()).toBe(2)
  expect(await dialog.getByRole('button', { name: /^导入 \d/ }).count()).toBe(0)
  await accessible(page)
  await shoot(page, 'import-wrong-1440-light')
  expect(await membersNamed(run)).toEqual([])

  await input.setInputFiles(csv('people.csv', ['账号,昵称,部门编号', `${run}a,新人甲,RD`, `${run}b,新人乙,OFFICE`]))
  await dialog.getByText('新增 2 行，更改 0 行，0 行不变。').waitFor()
  await shoot(page, 'import-1440-light')
  await dialog.getByRole('button', { name: '导入 2 行' }).click()
  // The result stays until somebody has read it.
  await dialog.getByText('已导入：新增 2 行，更改 0 行，0 行不变。').waitFor()
  await accessible(page)
  await shoot(page, 'import-done-1440-light')
  await dialog.getByRole('button', { name: '关闭', exact: true }).click()
  await dialog.waitFor({ state: 'hidden' })
  expect((await membersNamed(run)).map(({ nickname, department }) => `${nickname} ${department!.code}`)).toEqual(['新人甲 RD', '新人乙 OFFICE'])

  // Once more it changes only what differs.
  await page.getByRole('button', { name: '导入' }).click()
  await input.setInputFiles(csv('people.csv', ['账号,昵称', `${run}a,改名甲`, `${run}b,新人乙`]))
  await dialog.getByText('新增 0 行，更改 1 行，1 行不变。').waitFor()
  await dialog.locator('tr', { hasText: '改名甲' }).locator('s', { hasText: '新人甲' }).waitFor()
  await dialog.getByRole('button', { name: '导入 1 行' }).click()
  await dialog.getByText('已导入：新增 0 行，更改 1 行，1 行不变。').waitFor()
  expect((await membersNamed(`${run}a`))[0]!.nickname).toBe('改名甲')
})

test('departments come out of a file, on a phone and in the dark', async () => {
  const code = `I${Date.now() % 1e8}`
  const page = await open('/admin/departments', { token, width: 390, dark: true })
  await page.getByRole('button', { name: '导入' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.locator('input[type=file]').setInputFiles(csv('departments.csv', ['部门编号,部门名称,付款方,成员可取消', `${code},物业部,部门,是`]))
  await dialog.locator('tr', { hasText: '物业部' }).getByText('部门支付').waitFor()
  await dialog.locator('tr', { hasText: '物业部' }).getByText(/成员可取消\s*是/).waitFor()
  await accessible(page)
  await shoot(page, 'import-390-dark')
  await dialog.getByRole('button', { name: '导入 1 行' }).click()
  await dialog.getByText('已导入：新增 1 行，更改 0 行，0 行不变。').waitFor()
  const { departments } = await call<{ departments: { name: string; pays: string }[] }>(token, 'GET', `/api/v1/admin/departments?query=${code}`)
  expect(departments).toMatchObject([{ name: '物业部', pays: 'department' }])
})

test.each([
  ['1440-light', {}],
  ['390-dark-en', { width: 390, dark: true, language: 'en' }],
] as const)('products come out of a file, what is wrong is corrected, at %s', async (name, screen) => {
  const isEnglish = 'language' in screen
  const text = (zh: string, en: string) => (isEnglish ? en : zh)
  const run = `货${Date.now() % 1e8}${isEnglish ? 'e' : 'z'}`
  const named = async () => {
    const { products } = await call<{ products: { name_zh: string; price_cents: number; stock: number; on_sale: boolean }[] }>(token, 'GET', '/api/v1/admin/products?limit=100')
    return products.filter(({ name_zh }) => name_zh.startsWith(run)).map(({ name_zh, price_cents, stock, on_sale }) => `${name_zh.slice(run.length)} ${price_cents} ${stock} ${on_sale}`).sort()
  }
  const page = await open('/admin/products', { token, ...screen })
  await page.getByRole('button', { name: text('导入', 'Import') }).click()
  const dialog = page.getByRole('dialog')
  await accessible(page)
  const template = page.waitForEvent('download')
  await dialog.getByRole('button', { name: text('下载模板', 'Download the template') }).click()
  expect((await template).suggestedFilename()).toMatch(/\.xlsx$/)

  const input = dialog.locator('input[type=file]')
  const heading = '名称,价格(元),在售,初始库存'
  await input.setInputFiles(csv('products.csv', [heading, `${run}茶,88,是,5`, `${run}盐,2.555,,`, `${run}糖,,,`]))
  await dialog.getByText(text('2 行有误', '2 rows are wrong')).waitFor()
  await dialog.getByText(text('须为 0 到 1000000 元、最多两位小数的金额', 'must be an amount in yuan')).waitFor()
  expect(await dialog.getByRole('button', { name: text('导入 1 行', 'Import 1 row') }).count()).toBe(0)
  await accessible(page)
  await shoot(page, `import-products-wrong-${name}`)
  expect(await named()).toEqual([])

  await input.setInputFiles(csv('products.csv', [heading, `${run}茶,88,是,5`, `${run}盐,2.5,,`]))
  await dialog.getByText(text('新增 2 行，更改 0 行，0 行不变。', 'Adds 2, changes 0')).waitFor()
  await shoot(page, `import-products-${name}`)
  await dialog.getByRole('button', { name: text('导入 2 行', 'Import 2 rows') }).click()
  await dialog.getByText(text('已导入：新增 2 行', 'Imported: 2 added')).waitFor()
  await accessible(page)
  await dialog.getByRole('button', { name: text('关闭', 'Close'), exact: true }).click()
  await dialog.waitFor({ state: 'hidden' })
  await page.locator('tbody tr', { hasText: `${run}茶` }).waitFor()
  expect(await named()).toEqual(['盐 250 0 false', '茶 8800 5 true'])
})
