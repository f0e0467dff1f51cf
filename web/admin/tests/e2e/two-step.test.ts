import { spawn } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'

import { accessible, call, open, shoot, tokenOf } from './browser'
import { ended, program, readiness, url } from './server'

const PASSWORD = 'a long enough one'

/** What an authenticator app shows, now or so many steps of thirty seconds away. */
function codeOf(secret: string, away = 0): string {
  const bits = [...secret.replaceAll(' ', '')].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2)))
  const step = Buffer.alloc(8)
  step.writeBigInt64BE(BigInt(Math.floor(Date.now() / 30_000) + away))
  const tag = createHmac('sha1', key).update(step).digest()
  const from = tag[19]! & 15
  return String((tag.readUInt32BE(from) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

async function clerk(): Promise<{ account: string; user_id: number }> {
  const admin = await tokenOf('admin')
  const account = `clerk${Date.now() % 1e9}`
  const { user_id } = await call<{ user_id: number }>(admin, 'POST', '/api/v1/admin/members', { nickname: '两步', account })
  await call(admin, 'PUT', `/api/v1/admin/members/${user_id}/password`, { new_password: PASSWORD })
  await call(admin, 'PUT', `/api/v1/admin/members/${user_id}/roles/support`)
  return { account, user_id }
}

async function enterPassword(page: Page, account: string, password = PASSWORD) {
  await page.getByLabel('账号').fill(account)
  await page.getByLabel('密码', { exact: true }).fill(password)
  await page.keyboard.press('Enter')
}

async function recoveryCodes(page: Page): Promise<string[]> {
  const codes = page.getByRole('list', { name: '恢复码' }).getByRole('listitem')
  await codes.first().waitFor()
  return codes.allTextContents()
}

test('a clerk turns it on, signs in with a code and with a recovery code, and an administrator takes it away', async () => {
  const { account, user_id } = await clerk()
  const page = await open('/admin/account', { expects: /40[01]|422/ })
  await enterPassword(page, account)
  await page.getByRole('button', { name: '开启两步验证' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: '下一步' }).click()
  await dialog.getByText('请填写密码').waitFor()
  await dialog.getByLabel('现在的密码').fill('not the one')
  await dialog.getByRole('button', { name: '下一步' }).click()
  await dialog.getByText('与现在的密码不符').waitFor()
  await accessible(page)
  await dialog.getByLabel('现在的密码').fill(PASSWORD)
  await dialog.getByRole('button', { name: '下一步' }).click()
  const secret = (await dialog.locator('code').textContent())!
  expect(await dialog.getByRole('img', { name: '两步验证的二维码' }).evaluate((picture: HTMLImageElement) => picture.naturalWidth)).toBeGreaterThan(0)
  await accessible(page)
  await shoot(page, 'two-step-offer-1440-light')
  await dialog.getByLabel('应用显示的 6 位验证码').fill('abc')
  await dialog.getByRole('button', { name: '确认并开启' }).click()
  await dialog.getByText('验证码不正确').waitFor()
  const used = codeOf(secret)
  await dialog.getByLabel('应用显示的 6 位验证码').fill(used)
  await dialog.getByRole('button', { name: '确认并开启' }).click()
  const codes = await recoveryCodes(page)
  expect(new Set(codes).size).toBe(10)
  await accessible(page)
  await shoot(page, 'two-step-recovery-1440-light')
  await dialog.getByRole('button', { name: '我已保存' }).click()
  await page.getByText('剩余恢复码').waitFor()
  await shoot(page, 'two-step-on-1440-light')

  await page.getByRole('button', { name: '退出登录' }).click()
  await enterPassword(page, account)
  await page.getByText('验证器应用里的 6 位数字').waitFor()
  await accessible(page)
  await shoot(page, 'sign-in-code-1440-light')
  const code = page.getByLabel('验证码')
  await page.getByRole('button', { name: '登录', exact: true }).click()
  await page.getByText('请填写验证码').waitFor()
  await code.fill(used)
  await page.keyboard.press('Enter')
  await page.getByText(/这个验证码已用过|验证码不正确/).waitFor()
  await code.fill(codeOf(secret, 1))
  await page.keyboard.press('Enter')
  await page.getByRole('navigation').first().waitFor()

  await page.getByRole('button', { name: '退出登录' }).click()
  await enterPassword(page, account)
  await code.fill(codes[0]!.toLowerCase())
  await page.keyboard.press('Enter')
  await page.getByRole('navigation').first().waitFor()

  const boss = await open(`/admin/members/${user_id}`, { token: await tokenOf('admin') })
  await boss.getByRole('button', { name: '重置两步验证' }).click()
  await boss.getByRole('dialog').getByText('请先当面或打电话确认是本人').waitFor()
  await accessible(boss)
  await boss.getByRole('dialog').getByRole('button', { name: '重置两步验证' }).click()
  await boss.getByText('两步验证已重置').waitFor()
  const entered = await call<{ token: string }>(undefined, 'POST', '/api/v1/auth/password', { account, password: PASSWORD })
  expect(entered.token).not.toBe('')
})

test('where the house demands it, who has none is led to setting it up', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fanpiao-demanding-'))
  const server = spawn(program, ['demo', '--listen', '127.0.0.1:0', '--folder', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      FANPIAO_LOG__FILTER: 'warn',
      FANPIAO_SECURITY__SECOND_FACTOR: 'required',
      FANPIAO_SECURITY__DATA_KEYS: `test=${randomBytes(32).toString('base64')}`,
    },
  })
  try {
    const said = await readiness(server)
    const other = said.match(/listens on (http:\S+)/)![1]!
    const password = said.match(/admin {2}(\S+)/)![1]!
    const page = await open('/admin/account', { expects: /401/ })
    await page.route('**/api/**', async (route) => {
      const response = await route.fetch({ url: route.request().url().replace(url, other) })
      await route.fulfill({ response })
    })
    await enterPassword(page, 'admin', password)
    await page.getByText('设置完成后即可登录').waitFor()
    const secret = (await page.locator('code').textContent())!
    await accessible(page)
    await shoot(page, 'two-step-demanded-1440-light')
    await page.getByLabel('应用显示的 6 位验证码').fill(codeOf(secret))
    await page.getByRole('button', { name: '确认并开启' }).click()
    expect(await recoveryCodes(page)).toHaveLength(10)
    await page.getByRole('button', { name: '我已保存' }).click()
    await page.getByText('可以更换设备，不能关闭').waitFor()
    expect(await page.getByRole('button', { name: '关闭两步验证' }).count()).toBe(0)
  } finally {
    await ended(server)
    rmSync(folder, { recursive: true, force: true })
  }
})
