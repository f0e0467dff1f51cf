import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { AxeBuilder } from '@axe-core/playwright'
import type { Page, Response } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { house, useHouse } from '../frame'
import { CLIENT, POLICY } from '../house'
import { Phone } from '../phone'

const files = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((found) => (found.isDirectory() ? files(join(folder, found.name)) : [join(folder, found.name)]))

/** What a screen reader would stumble over. */
async function listen(page: Page, where: string): Promise<void> {
  // What was just pressed is paler for a moment, which begins and ends when it likes.
  await page.addStyleTag({ content: '.pressed { opacity: 1 !important }' })
  // The rest is uni-app's own shell around a page.
  const found = await new AxeBuilder({ page: page as never }).include('.screen').disableRules(['region', 'scrollable-region-focusable']).analyze()
  const told = found.violations.map(({ id, nodes }) => `${where}: ${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join('\n   ')}`)
  expect(told).toEqual([])
}

describe('sizes', () => {
  test('the mini program’s main package is under 2 MB', () => {
    const bytes = files(join(CLIENT, 'dist/build/mp-weixin')).reduce((sum, file) => sum + statSync(file).size, 0)
    expect(bytes).toBeGreaterThan(100_000)
    expect(bytes).toBeLessThan(2 * 1024 * 1024)
  })

  test('neither build names a host of somebody else that it could call', () => {
    for (const file of [...files(join(CLIENT, 'dist/build/h5')), ...files(join(CLIENT, 'dist/build/mp-weixin'))]) {
      if (/\.(css|wxss|json|html)$/.test(file)) expect(readFileSync(file, 'utf8')).not.toMatch(/(https?:)?\/\/[a-z]+\.(dcloud|alicdn)/)
    }
    expect(readFileSync(join(CLIENT, 'dist/build/mp-weixin/common/vendor.js'), 'utf8')).not.toContain('img/shadow')
  })
})

describe('in the browser', () => {
  useHouse()

  let phone: Phone
  beforeAll(async () => {
    phone = await Phone.buy(house)
  })
  afterAll(() => phone?.close())

  test('the server’s program serves this very build at /', async () => {
    const { body, policy } = await house.served('/')
    expect(body, 'build the client, then the server').toBe(readFileSync(join(CLIENT, 'dist/build/h5/index.html'), 'utf8'))
    expect(policy.startsWith(POLICY)).toBe(true)
    const script = /src="\.\/(assets\/[^"]+\.js)"/.exec(body)![1]!
    expect((await house.served(`/${script}`)).body.length).toBeGreaterThan(100_000)
  })

  test('the first load stays under 200 KB, compressed', async () => {
    const page = await phone.context.newPage()
    let bytes = 0
    const bodies: Promise<void>[] = []
    const weigh = (response: Response) => {
      if (response.url().startsWith(house.url) && !response.url().includes('/api/'))
        bodies.push(response.body().then((body) => void (bytes += gzipSync(body).length)))
    }
    page.on('response', weigh)
    await page.goto(`${house.url}/?code=sim-zhangwei-${Date.now()}`)
    await page.locator('.meal-card').first().waitFor()
    await page.waitForLoadState('networkidle')
    page.off('response', weigh)
    await Promise.all(bodies)
    expect(bytes).toBeGreaterThan(50_000)
    expect(bytes).toBeLessThan(200 * 1024)
    await page.close()
  })

  test('everything that can be pressed is large enough for a thumb and has a name', async () => {
    const page = await phone.signIn('lina')
    const look = async () => {
      const bad = await page.evaluate(() =>
        [...document.querySelectorAll<HTMLElement>('[role=button],[role=tab],[role=checkbox],[role=radio]')]
          .filter((found) => found.offsetWidth > 0)
          .filter((found) => {
            // The days of a week share the width of the phone.
            const narrow = found.classList.contains('week-day') || found.classList.contains('week-turn') || found.classList.contains('standing-day') ? 30 : 44
            return found.offsetHeight < 44 || found.offsetWidth < narrow || !(found.getAttribute('aria-label') || found.textContent?.trim())
          })
          .map((found) => `${found.className} ${found.offsetWidth}×${found.offsetHeight}`),
      )
      expect(bad).toEqual([])
    }
    await page.locator('.meal-card').first().waitFor()
    await look()
    await page.locator('.meal-card').first().tap()
    await page.locator('.foot-price').waitFor()
    await look()
    await page.goBack()
    await page.locator('.tab').last().tap()
    await page.locator('.figure-value').first().waitFor()
    await look()
    for (const at of [1, 2]) {
      await page.locator('.segment').nth(at).tap()
      await page.locator('.past-title, .ledger-amount').first().waitFor()
      await look()
    }
    await page.getByLabel('设置').tap()
    await page.locator('.leave').waitFor()
    await look()
    await phone.visit(page, '/#/pages/topup/index')
    await page.locator('.amount-tap').first().waitFor()
    await look()
    await phone.visit(page, '/#/pages/standing/index')
    await page.locator('.standing-go').waitFor()
    await look()
    await phone.visit(page, `/#/pages/goods/index?round_id=${await house.round(await house.product())}`)
    await page.locator('.foot-price').waitFor()
    await look()
    await phone.visit(page, '/#/pages/home/index?tab=shop')
    await page.locator('.ware').first().waitFor()
    await look()
    await phone.visit(page, '/#/pages/cabinet/index')
    await page.locator('.cabinet-how').first().waitFor()
    await look()
    await phone.visit(page, '/#/pages/cabinet/index?device=NS01-A')
    await page.locator('.cabinet-name').waitFor()
    await look()
  })

  test('a screen reader finds its way on every page', async () => {
    const page = await phone.signIn('liuyang')
    const look = (where: string) => listen(page, where)
    await look('meals')
    await page.locator('.meal-card').first().tap()
    await page.locator('.foot-price').waitFor()
    await look('meal')
    await page.goBack()
    await page.locator('.tab').last().tap()
    await page.locator('.figure-value').first().waitFor()
    await look('overview')
    for (const at of [1, 2]) {
      await page.locator('.segment').nth(at).tap()
      await page.locator('.past-title, .ledger-amount').first().waitFor()
      await look(`list ${at}`)
    }
    await page.getByLabel('设置').tap()
    await page.locator('.leave').waitFor()
    await look('settings')
    await phone.visit(page, '/#/pages/topup/index')
    await page.locator('.amount-tap').first().waitFor()
    await look('topup')
    await page.locator('.segment').nth(1).tap()
    await page.locator('.topup-go').tap()
    await page.locator('.paying-qr').waitFor()
    await look('topup order')
    await phone.visit(page, '/#/pages/standing/index')
    await page.locator('.standing-go').tap()
    await page.locator('.standing').first().waitFor()
    await look('standing')
    const round = await house.round(await house.product(), { total_shares: 2 })
    await phone.visit(page, '/#/pages/home/index?tab=shop')
    await page.locator('.ware').first().waitFor()
    await look('shop')
    await page.locator('.segment:visible', { hasText: '期次' }).tap()
    await page.locator('.ware-round').first().waitFor()
    await look('rounds')
    await page.locator('.ware-round').first().tap()
    await page.locator('.foot-price').waitFor()
    await look('round')
    await page.locator('.step').last().tap()
    await page.locator('.foot-price:not(.asking)', { hasText: '¥2.00' }).waitFor()
    await page.locator('.foot-row .button').tap()
    await page.locator('.goods-bought').waitFor()
    await look('round bought')
    await house.call('POST', `/api/v1/admin/rounds/${round}/draw`, undefined, await house.tokenOf('admin')).catch(() => undefined)
    await phone.visit(page, `/#/pages/goods/index?round_id=${round}`)
    await page.locator('.round-check').tap()
    await page.locator('.round-verdict').waitFor()
    await look('round drawn')
    await phone.visit(page, '/#/pages/shop-orders/index')
    await page.locator('.past-title').first().waitFor()
    await look('purchases')
    await page.locator('.card.past').first().tap()
    await page.locator('.order-sum').waitFor()
    await look('purchase')
    const admin = await house.call<{ token: string; user_info: object }>('POST', '/api/v1/auth/password', { account: 'zhou.min', password: house.passwords.deptAdmin })
    const member = await page.evaluate(() => localStorage.getItem('session')!)
    await page.evaluate((session) => localStorage.setItem('session', session), JSON.stringify({ token: admin.token, me: admin.user_info }))
    await phone.visit(page, '/#/pages/department/index')
    await page.locator('.book-day').first().waitFor()
    await look('department')
    await page.evaluate((session) => localStorage.setItem('session', session), member)
    await phone.visit(page, '/#/pages/sign-in/index')
    await page.locator('.door-form').waitFor()
    await look('sign-in')
  })

  test('a screen reader finds its way to a cabinet', async () => {
    const page = await phone.signIn('liuyang')
    const look = (where: string) => listen(page, where)
    await phone.visit(page, '/#/pages/cabinet/index')
    await page.locator('.cabinet-how').first().waitFor()
    await look('cabinets')
    await page.locator('.field input').fill('NS01-B')
    await page.locator('.cabinet-look').tap()
    await page.locator('.cabinet-notice .notice').waitFor()
    await look('cabinet offline')
    await phone.visit(page, '/#/pages/cabinet/index?device=NS01-A')
    await page.locator('.cabinet-go:not([aria-disabled])').waitFor()
    await look('cabinet')
    await page.locator('.cabinet-way').last().tap()
    await page.locator('.cabinet-allow').waitFor()
    await look('cabinet by pay score')
    await page.locator('.cabinet-way').first().tap()
    await page.locator('.cabinet-go').tap()
    await page.locator('.opening-title').waitFor()
    await look('opening')
    await page.locator('.opening-cost').waitFor({ timeout: 45_000 })
    await look('opening settled')
    await phone.visit(page, '/#/pages/cabinet-orders/index')
    await page.locator('.past-title').first().waitFor()
    await look('cabinet orders')
    await page.locator('.card.past').first().tap()
    await page.locator('.paying-title').waitFor()
    await look('cabinet order')
    await page.locator('.cabinet-complain').tap()
    await page.locator('.picture-add').waitFor()
    await look('complaint')
    await phone.visit(page, '/#/pages/complaints/index')
    await page.locator('.nothing').waitFor()
    await look('no complaints')
    const { orders } = await house.call<{ orders: { order_no: string }[] }>('GET', '/api/v1/cabinet/orders', undefined, await phone.token(page))
    await house.call('POST', '/api/v1/complaints', { order_no: orders[0]!.order_no, text: '豆浆是酸的', pictures: [] }, await phone.token(page))
    await page.reload()
    await page.locator('.complaints-state').waitFor()
    await look('complaints')
  })

  test('the keyboard does what a thumb does', async () => {
    const page = await phone.page('/')
    await page.locator('.tab').last().focus()
    await page.keyboard.press('Enter')
    await page.locator('.purse').waitFor()
    await page.locator('.segment').nth(2).focus()
    await page.keyboard.press(' ')
    await page.locator('.ledger').first().waitFor()
  })

  test.each(['light', 'dark'] as const)('text stands out from what is behind it: %s', async (colorScheme) => {
    const page = await phone.page('/')
    await page.emulateMedia({ colorScheme })
    await page.locator('.meal-card').first().waitFor()
    const ratios = await page.evaluate(() => {
      const screen = document.querySelector('.screen')!
      const colour = (name: string) => {
        const probe = document.createElement('i')
        probe.style.color = `var(${name})`
        screen.append(probe)
        const parts = getComputedStyle(probe).color.match(/[\d.]+/g)!.slice(0, 3).map(Number)
        probe.remove()
        const [r, g, b] = parts.map((part) => (part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4))
        return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
      }
      const ratio = (one: string, other: string) => {
        const [a, b] = [colour(one), colour(other)].sort((x, y) => y - x)
        return (a! + 0.05) / (b! + 0.05)
      }
      const text = [
        ['--ink', '--paper'],
        ['--ink-soft', '--paper'],
        ['--ink-soft', '--card'],
        ['--ink-soft', '--sunk'],
        ['--brand-deep', '--card'],
        ['--brand-deep', '--brand-tint'],
        ['--good', '--good-tint'],
        ['--warn', '--warn-tint'],
        ['--bad', '--card'],
      ]
      return { text: text.map(([a, b]) => ({ pair: `${a} on ${b}`, ratio: ratio(a!, b!) })), large: ratio('--on-brand', '--brand') }
    })
    for (const { pair, ratio } of ratios.text) expect(ratio, pair).toBeGreaterThanOrEqual(4.5)
    // Only for large, bold text: buttons.
    expect(ratios.large).toBeGreaterThanOrEqual(3)
  })
})
