import { gunzipSync } from 'node:zlib'

import { expect, test } from 'vitest'

import { accessible, call, open, shoot, tokenOf } from './browser'
import { passwords, url } from './server'

/** The promise of the first page: everything that is fetched until somebody can work. */
const FIRST_LOAD = 300 * 1024

test('an administrator signs in, and what is fetched for it is small', async () => {
  const page = await open('/admin/members?status=disabled')
  await page.getByRole('heading', { name: '饭票 管理后台' }).waitFor()
  await accessible(page)
  await shoot(page, 'sign-in-1440-light')

  await page.getByRole('button', { name: '登录', exact: true }).click()
  await page.getByText('请填写账号').waitFor()
  await page.getByLabel('账号').fill('admin')
  await page.getByLabel('密码', { exact: true }).fill(passwords.admin)
  await page.keyboard.press('Enter')
  await page.waitForURL('**/admin/members?status=disabled')
})

test('the first load is under 300 KB', async () => {
  const page = await open('/admin/')
  const fetched: string[] = []
  page.on('response', (answer) => fetched.push(answer.url()))
  await page.getByLabel('账号').fill('admin')
  await page.getByLabel('密码', { exact: true }).fill(passwords.admin)
  await page.reload()
  await page.getByLabel('账号').fill('admin')
  await page.getByLabel('密码', { exact: true }).fill(passwords.admin)
  await page.keyboard.press('Enter')
  await page.getByRole('navigation').waitFor()
  await page.waitForLoadState('networkidle')
  const files = [...new Set(fetched)].filter((file) => !file.includes('/api/'))
  let sum = 0
  for (const file of files) {
    const bytes = Buffer.from(await rawGzip(file))
    sum += bytes.length
  }
  console.log(`first load: ${files.length} files, ${Math.round(sum / 1024)} KB gzip`)
  expect(files.length).toBeGreaterThan(5)
  expect(sum).toBeLessThan(FIRST_LOAD)
})

/** What goes over the wire to somebody who takes gzip; `fetch` would unpack it. */
async function rawGzip(file: string): Promise<Uint8Array> {
  const { get } = await import('node:http')
  return new Promise((resolve, reject) => {
    get(file, { headers: { 'accept-encoding': 'gzip' } }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('end', () => {
        const bytes = Buffer.concat(parts)
        if (answer.headers['content-encoding'] === 'gzip') gunzipSync(bytes)
        resolve(bytes)
      })
    }).on('error', reject)
  })
}

test('a wrong password is told, and nothing typed is lost', async () => {
  const page = await open('/admin/', { language: 'en', expects: /401.*auth\/password/ })
  await page.getByLabel('Account').fill('admin')
  await page.getByLabel('Password', { exact: true }).fill('not the one')
  await page.keyboard.press('Enter')
  await page.getByRole('alert').waitFor()
  expect(await page.getByLabel('Account').inputValue()).toBe('admin')
  await accessible(page)
})

test('a session that ends asks for a new one over what is on the screen', async () => {
  const { token } = await call<{ token: string }>(undefined, 'POST', '/api/v1/auth/password', { account: 'admin', password: passwords.admin })
  const page = await open('/admin/account', { token, expects: /401/ })
  await page.getByRole('heading', { name: '我的账号' }).waitFor()
  await call(token, 'POST', '/api/v1/auth/logout')
  await page.getByRole('button', { name: '导出我的订单' }).click()
  await page.getByRole('dialog').getByLabel('账号').fill('admin')
  await page.getByRole('dialog').getByLabel('密码', { exact: true }).fill(passwords.admin)
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
  await page.getByRole('heading', { name: '我的账号' }).waitFor()
})

test('signing out leaves nothing behind', async () => {
  const { token } = await call<{ token: string }>(undefined, 'POST', '/api/v1/auth/password', { account: 'admin', password: passwords.admin })
  const page = await open('/admin/', { token })
  await page.getByRole('button', { name: '退出登录' }).click()
  await page.getByLabel('账号').waitFor()
  expect(await page.evaluate(() => localStorage.getItem('fanpiao.token'))).toBeNull()
  const again = await fetch(`${url}/api/v1/auth/me`, { headers: { Authorization: `Bearer ${token}` } })
  expect(again.status).toBe(401)
})

test.each([
  ['light', false],
  ['dark', true],
])('my account, %s', async (name, dark) => {
  const page = await open('/admin/account', { token: await tokenOf('admin'), dark })
  await page.getByRole('heading', { name: '我的账号' }).waitFor()
  await accessible(page)
  await shoot(page, `account-1440-${name}`)
})

test('the policy is in force: what it forbids is told', async () => {
  const page = await open('/admin/account', { token: await tokenOf('admin'), expects: /policy|Content Security Policy/ })
  await page.getByRole('heading', { name: '我的账号' }).waitFor()
  const told = await page.evaluate(
    () =>
      new Promise<string[]>((resolve) => {
        const violations: string[] = []
        addEventListener('securitypolicyviolation', ({ effectiveDirective }) => {
          violations.push(effectiveDirective)
          if (violations.length === 3) resolve(violations.sort())
        })
        document.body.setAttribute('style', 'color: red')
        const script = document.createElement('script')
        script.textContent = 'document.title = "run"'
        document.head.append(script)
        void fetch('https://elsewhere.example/').catch(() => undefined)
      }),
  )
  expect(told).toEqual(['connect-src', 'script-src-elem', 'style-src-attr'])
})

test('a server that cannot be reached is said so, and trying again goes on', async () => {
  const page = await open('/admin/sign-in', { token: await tokenOf('admin'), expects: /ERR_FAILED.*auth\/me/ })
  let isDown = true
  await page.route('**/auth/me', (route) => (isDown ? route.abort() : route.continue()))
  await page.goto(`${url}/admin/departments`)
  await page.getByText('没有收到服务器的回答').waitFor()
  await accessible(page)
  isDown = false
  await page.getByRole('button', { name: '重试' }).click()
  await page.getByRole('heading', { name: '部门' }).waitFor()
})
