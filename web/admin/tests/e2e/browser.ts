// One browser for all pages; every page is watched while it is used.

import { existsSync, mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { AxeBuilder } from '@axe-core/playwright'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'

import { passwords, url } from './server'

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const SHOTS = fileURLToPath(new URL('../../shots', import.meta.url))

let browser: Browser
const opened: { page: Page; wrong: string[] }[] = []

beforeAll(async () => {
  const executablePath = process.env.FANPIAO_CHROMIUM ?? CHROMIUM.find(existsSync)
  if (!executablePath) {
    throw new Error('Chromium is missing: get it with `cargo xtask setup --install chromium`, or name it in FANPIAO_CHROMIUM')
  }
  browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
})

afterAll(() => browser?.close())

/** Whatever a test was about: nothing may complain, break the policy, or reach for another machine. */
afterEach(async () => {
  const wrong = opened.flatMap((one) => one.wrong)
  const pages = opened.splice(0).map(({ page }) => page)
  // What is still on its way belongs to nobody any more.
  await Promise.all(pages.map((page) => page.unrouteAll({ behavior: 'ignoreErrors' })))
  await Promise.all(pages.map((page) => page.context().close()))
  expect(wrong).toEqual([])
})

export interface Screen {
  width?: number
  height?: number
  dark?: boolean
  language?: 'zh-CN' | 'en'
  token?: string
  /** Another server's page than the console. */
  at?: string
  /** Answers that the test provokes, as `409 /api/v1/…`: the browser logs each as an error. */
  expects?: RegExp
}

export async function open(path: string, screen: Screen = {}): Promise<Page> {
  const { width = 1440, height = width < 600 ? 844 : 900, at = url } = screen
  const context = await browser.newContext({
    viewport: { width, height },
    locale: screen.language ?? 'zh-CN',
    colorScheme: screen.dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    hasTouch: width < 600,
    acceptDownloads: true,
    storageState: { cookies: [], origins: screen.token ? [{ origin: url, localStorage: [{ name: 'fanpiao.token', value: screen.token }] }] : [] },
  })
  const page = await context.newPage()
  const wrong: string[] = []
  opened.push({ page, wrong })
  await context.route('**/*', (route) => {
    const asked = route.request().url()
    if (asked.startsWith(at) || asked.startsWith('data:') || asked.startsWith('blob:')) return route.continue()
    wrong.push(`asked another machine: ${asked}`)
    return route.abort()
  })
  page.on('pageerror', (error) => wrong.push(`error: ${error.stack ?? error.message}`))
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return
    const said = `${message.text()} ${message.location().url}`
    if (!screen.expects?.test(said)) wrong.push(`${message.type()}: ${said}`)
  })
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))
  })
  await page.goto(`${at}${path}`)
  return page
}

/** The API, for what a test needs to be there. */
export async function call<T = Record<string, unknown>>(token: string | undefined, method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { 'Content-Type': 'application/json', ...(token ? { Authorization: `Bearer ${token}` } : {}) },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  const said = (await answer.json()) as { data: T; message: string }
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(said)}`)
  return said.data
}

const tokens = new Map<string, Promise<string>>()

export function tokenOf(account: 'admin' | 'zhou.min'): Promise<string> {
  const password = passwords[account === 'admin' ? 'admin' : 'deptAdmin']
  const made =
    tokens.get(account) ??
    call<{ token: string }>(undefined, 'POST', '/api/v1/auth/password', { account, password }).then(({ token }) => token)
  tokens.set(account, made)
  return made
}

/** Chooses from a list that drops down, with the keyboard: what is chosen now lies over what could be clicked. */
export async function choose(page: Page, list: string, option: string) {
  await page.getByRole('combobox', { name: list }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('option', { name: option, exact: true }).click()
}

/** For people to look at; never compared. */
export async function shoot(page: Page, name: string) {
  mkdirSync(SHOTS, { recursive: true })
  await page.screenshot({ path: `${SHOTS}/${name}.png` })
}

/** WCAG 2.2 AA, as far as a program can tell. */
export async function accessible(page: Page) {
  // A button that was busy a moment ago is still pale.
  await page.locator('.is-loading').first().waitFor({ state: 'detached' })
  await page.evaluate(() => Promise.allSettled(document.getAnimations().filter((one) => one.effect?.getTiming().iterations === 1).map((one) => one.finished)))
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze()
  const told = violations.map(({ id, help, nodes }) => ({ id, help, where: nodes.map((node) => node.html.slice(0, 160)).slice(0, 5) }))
  expect(told).toEqual([])
}
