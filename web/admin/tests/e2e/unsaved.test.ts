// What is typed is never lost without a question, whichever way somebody goes.

import { expect, test } from 'vitest'

import { accessible, call, open, shoot, tokenOf } from './browser'
import { freeDay, makeMeal, member } from './house'

const token = await tokenOf('admin')
const eater = await member('huming')

test('a dialog with something typed asks before it is closed, by whatever way, and keeps what was typed', async () => {
  const page = await open('/admin/members', { token })
  // So that there is somewhere to go back to.
  await page.getByRole('navigation', { name: '主导航' }).getByRole('link', { name: '部门' }).click()
  const begin = page.getByRole('button', { name: '新建部门' })
  await begin.click()
  const dialog = page.getByRole('dialog', { name: '新建部门' })
  const question = page.getByRole('dialog', { name: '有未保存的内容' })
  // Untouched, it closes at once.
  await dialog.getByLabel('名称').waitFor()
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })

  await begin.click()
  await dialog.getByLabel('名称').fill('试验部')
  for (const close of [
    () => page.keyboard.press('Escape'),
    () => dialog.getByRole('button', { name: '取消' }).click(),
    () => dialog.locator('.el-dialog__headerbtn').click(),
    () => page.evaluate(() => history.back()),
  ]) {
    await close()
    await question.waitFor()
    await question.getByRole('button', { name: '继续填写' }).click()
    await question.waitFor({ state: 'hidden' })
    expect(await dialog.getByLabel('名称').inputValue()).toBe('试验部')
  }
  await page.keyboard.press('Escape')
  await question.waitFor()
  await accessible(page)
  await shoot(page, 'unsaved-1440-light')
  // Escape answers the question only.
  await page.keyboard.press('Escape')
  await question.waitFor({ state: 'hidden' })
  expect(await dialog.getByLabel('名称').inputValue()).toBe('试验部')
  await dialog.getByRole('button', { name: '取消' }).click()
  await question.getByRole('button', { name: '不保存' }).click()
  await dialog.waitFor({ state: 'hidden' })
  // Nothing is left over to be asked about.
  await page.getByRole('navigation', { name: '主导航' }).getByRole('link', { name: '用户' }).click()
  await page.waitForURL(/members/)
})

test('what is picked on a page is asked about before a link and a reload, and gone once it is given up', async () => {
  const day = await freeDay()
  await makeMeal(day, { capacity: 40 })
  const page = await open(`/admin/booking?week=${day}`, { token: await tokenOf('zhou.min'), width: 390, dark: true, language: 'en' })
  await page.getByRole('gridcell').first().click()
  const question = page.getByRole('dialog', { name: 'Not saved yet' })
  await page.getByRole('button', { name: 'Next week' }).click()
  await question.waitFor()
  await accessible(page)
  await shoot(page, 'unsaved-390-dark')
  await question.getByRole('button', { name: 'Keep editing' }).click()
  expect(await page.getByRole('gridcell', { selected: true }).count()).toBe(1)

  const asked = new Promise<string>((resolve) => page.once('dialog', (dialog) => {
    resolve(dialog.type())
    void dialog.dismiss()
  }))
  await page.evaluate(() => setTimeout(() => location.reload()))
  expect(await asked).toBe('beforeunload')
  expect(await page.getByRole('gridcell', { selected: true }).count()).toBe(1)

  await page.getByRole('button', { name: 'Next week' }).click()
  await question.getByRole('button', { name: 'Discard' }).click()
  await question.waitFor({ state: 'hidden' })
  await page.waitForURL(/week=/)
  expect(await page.getByRole('gridcell', { selected: true }).count()).toBe(0)
})

test('what was saved is not asked about, and a field says what is wrong with it before anybody saves', async () => {
  const page = await open(`/admin/members/${eater.user_id}`, { token, expects: /422.*members/ })
  await page.getByRole('button', { name: '编辑' }).first().click()
  const dialog = page.getByRole('dialog')
  const name = dialog.getByLabel('昵称')
  const was = await name.inputValue()
  await name.fill('')
  await dialog.getByText('必填').waitFor()
  expect(await name.getAttribute('aria-invalid')).toBe('true')
  expect(await page.locator(`#${await name.getAttribute('aria-describedby')}`).textContent()).toBe('必填')
  const account = dialog.getByLabel('账号')
  await account.fill('x')
  await dialog.getByText('长度须为 2 到 64 个字符').waitFor()
  await accessible(page)
  await shoot(page, 'field-problems-1440-light')
  // Saving goes to the first field that is wrong.
  await dialog.getByRole('button', { name: '保存' }).click()
  await expect.poll(() => name.evaluate((input) => input === document.activeElement)).toBe(true)
  await name.fill(`${was}甲`)
  await account.fill(`typed${Date.now() % 1e8}`)
  await dialog.getByRole('button', { name: '保存' }).click()
  await dialog.waitFor({ state: 'hidden' })
  await page.getByRole('navigation', { name: '主导航' }).getByRole('link', { name: '部门' }).click()
  await page.waitForURL(/departments/)
  expect((await call<{ nickname: string }>(token, 'GET', `/api/v1/admin/members/${eater.user_id}`)).nickname).toBe(`${was}甲`)
})
