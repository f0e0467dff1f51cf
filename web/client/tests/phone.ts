import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import jsQR from 'jsqr'
import { chromium, devices, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core'
import { CLIENT, type House } from './house'

const BROWSER = process.env.FANPIAO_CHROMIUM ?? '/usr/bin/chromium'
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

export type Manner = Pick<BrowserContextOptions, 'locale' | 'colorScheme' | 'viewport'>

/** A phone with a browser of its own, in the house's zone. */
export class Phone {
  /** What should never happen: errors of scripts, requests that leave the house. */
  readonly problems: string[] = []
  private visits = 0

  private constructor(
    readonly house: House,
    readonly context: BrowserContext,
    private readonly folder: string,
  ) {}

  static async buy(house: House, manner: Manner = {}): Promise<Phone> {
    if (!existsSync(BROWSER)) throw new Error(`${BROWSER} is missing: install chromium, or name it in FANPIAO_CHROMIUM`)
    const folder = mkdtempSync(join(tmpdir(), 'fanpiao-phone-'))
    const { defaultBrowserType: _, ...device } = devices['iPhone 13']!
    const context = await chromium.launchPersistentContext(folder, {
      ...device,
      locale: 'zh-CN',
      timezoneId: 'Asia/Shanghai',
      reducedMotion: 'reduce',
      ...manner,
      executablePath: BROWSER,
      headless: true,
      args: ARGS,
      acceptDownloads: true,
    })
    const phone = new Phone(house, context, folder)
    await context.route('**/*', (route) => {
      const url = route.request().url()
      if (url.startsWith(house.url) || url.startsWith(house.sim) || /^(data|blob):/.test(url)) return route.fallback()
      phone.problems.push(`outside: ${url}`)
      return route.abort()
    })
    context.on('weberror', (error) => phone.problems.push(String(error.error())))
    return phone
  }

  async page(path = '/'): Promise<Page> {
    const page = await this.context.newPage()
    page.setDefaultTimeout(30_000)
    page.on('console', (line) => {
      // The browser itself logs each request that failed; the tests make some fail.
      if (line.type() === 'error' && !line.text().startsWith('Failed to load resource')) this.problems.push(line.text())
    })
    await page.goto(this.house.url + path)
    return page
  }

  /** As a link from elsewhere does. */
  async visit(page: Page, path: string): Promise<void> {
    await page.goto(`${this.house.url}/?visit=${this.visits++}${path.replace(/^\//, '')}`)
  }

  /** Signs a member of the demo in, by a code as WeChat would give one. */
  async signIn(name: string): Promise<Page> {
    const page = await this.page(`/?code=sim-${name}-${Date.now()}${Math.floor(Math.random() * 1e6)}`)
    await page.locator('.meal-card').first().waitFor()
    return page
  }

  /** The token that this phone signs its requests with. */
  async token(page: Page): Promise<string> {
    const { token } = JSON.parse(await page.evaluate(() => localStorage.getItem('session') ?? '{}')) as { token: string }
    return token
  }

  async close(): Promise<void> {
    await this.context.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** What a code reader makes of what is on the screen. */
export async function scan(page: Page, selector: string): Promise<string | undefined> {
  const picture = (await page.locator(selector).screenshot()).toString('base64')
  const SIDE = 360
  const marks = await page.evaluate(
    async ([picture, side]) => {
      const image = new Image()
      image.src = `data:image/png;base64,${picture}`
      await image.decode()
      const canvas = document.createElement('canvas')
      canvas.width = canvas.height = side
      const pen = canvas.getContext('2d')!
      pen.drawImage(image, 0, 0, side, side)
      const { data } = pen.getImageData(0, 0, side, side)
      return Array.from({ length: side * side }, (_, at) => (data[at * 4]! < 128 ? '1' : '0')).join('')
    },
    [picture, SIDE] as const,
  )
  const dots = new Uint8ClampedArray(SIDE * SIDE * 4).fill(255)
  for (let at = 0; at < marks.length; at++) if (marks[at] === '1') dots.fill(0, at * 4, at * 4 + 3)
  return jsQR(dots, SIDE, SIDE)?.data
}

const SHOTS = join(CLIENT, 'shots')

export async function shoot(page: Page, name: string): Promise<void> {
  mkdirSync(SHOTS, { recursive: true })
  await page.screenshot({ path: join(SHOTS, `${name}.png`) })
}
