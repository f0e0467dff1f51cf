import { execFileSync } from 'node:child_process'
import { request as httpRequest } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { JSDOM } from 'jsdom'
import { CLIENT, type House } from '../house'

/** Where the mini program that is tested believes its server to be. */
const BASE = 'http://house.test'
const OUT = join(CLIENT, 'dist/test/mp-weixin')

/** Node has these, a mini program has not: code that uses them has to fail here too. */
const ABSENT = ['fetch', 'Request', 'Response', 'Headers', 'FormData', 'URL', 'URLSearchParams', 'Blob', 'AbortController', 'TextEncoder', 'TextDecoder', 'structuredClone', 'btoa', 'atob', 'localStorage', 'crypto', 'Intl']

/** A picture of one point, as Base64. */
const DOT = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each function of the platform has its own
type Options = Record<string, any>
interface Node {
  dom: { textContent: string; className: string }
  dispatchEvent(name: string, detail?: object): void
}
interface Component extends Node {
  instance: Options
  attach(host: Element): void
  detach(): void
  querySelectorAll(selector: string): Node[]
}
const global = globalThis as Options

export function buildForTests(): void {
  execFileSync('npx', ['uni', 'build', '-p', 'mp-weixin', '--outDir', OUT], {
    cwd: CLIENT,
    env: { ...process.env, VITE_API_BASE: BASE, NODE_ENV: 'production' },
    stdio: 'pipe',
  })
}

/** A person sees that it is grey, and waits. A part's classes begin with its name. */
const isOff = ({ dom }: Node) => dom.className.split(' ').some((name) => name === 'off' || name.endsWith('--off'))

/** A page on the screen. */
export interface Shown {
  instance: Options
  text(): string
  all(selector: string): Node[]
  /** The first one that has the text. */
  tap(selector: string, text?: string): Promise<void>
  tapLast(selector: string): Promise<void>
  type(selector: string, value: string): Promise<void>
}

/**
 * As much of WeChat as the mini program needs to run in node: pages, components compiled by WeChat's own compiler, storage, and
 * requests that go to a real house.
 */
export class WeChat {
  readonly calls: { name: string; options: Options }[] = []
  /** Outlives a kill of the app. */
  readonly storage: Record<string, string> = {}
  code = ''
  language = 'zh_CN'
  online = true
  /** What the person does in WeChat's dialog for a payment: what it throws is what WeChat says. */
  pays: (prepayId: string) => Promise<unknown> = () => Promise.reject(new Error('requestPayment:fail cancel'))
  /** What the person does on WeChat's page for pay score, before they come back; what it throws is why there is no such page. */
  decides: (token: string) => Promise<unknown> = () => Promise.resolve()
  /** What the person scans; nothing where they turn back. */
  scans: string | undefined
  page!: Shown
  private simulate: Options
  private stack: { route: string; component: Component; shown: Shown }[] = []
  private listeners: Record<string, (change: Options) => void> = {}

  constructor(private readonly house: House) {
    const dom = new JSDOM('<!doctype html><body></body>', { url: 'https://mp.test', pretendToBeVisual: true })
    for (const name of ['document', 'Event', 'CustomEvent', 'Node', 'HTMLElement', 'MutationObserver', 'Element']) global[name] = dom.window[name as 'document']
    global.window = dom.window
    global.requestAnimationFrame = (work: () => void) => setTimeout(work, 0)
    this.simulate = createRequire(import.meta.url)('miniprogram-simulate')
    for (const name of ABSENT) Object.defineProperty(global, name, { value: undefined, configurable: true, writable: true })
  }

  /** Starts the app; starting it again is what happens after it was killed. */
  async launch(): Promise<void> {
    for (const { component } of this.stack) component.detach()
    this.stack = []
    this.listeners = {}
    global.wx = this.wx()
    let app: Options = {}
    global.App = (options: Options) => {
      app = options
      options.onLaunch?.call(app, { path: 'pages/home/index', query: {} })
    }
    global.getApp = () => app
    global.getCurrentPages = () => this.stack.map(({ component }) => component.instance)
    global.Page = (options: Options) => {
      const methods = Object.fromEntries(Object.entries(options).filter(([, value]) => typeof value === 'function'))
      return global.Component({ data: options.data, methods })
    }
    const require = createRequire(join(OUT, 'app.js'))
    for (const file of Object.keys(require.cache)) if (file.startsWith(OUT)) delete require.cache[file]
    require(join(OUT, 'app.js'))
    await this.open('/pages/home/index')
  }

  /** Waits for something to become true of the page that is shown. */
  async until(holds: () => boolean, what: string): Promise<void> {
    for (let tries = 0; tries < 400; tries++) {
      if (holds()) return
      await this.simulate.sleep(25)
    }
    throw new Error(`it never came to this: ${what}\nthe page shows: ${this.page.text()}`)
  }

  sees(text: string): Promise<void> {
    return this.until(() => this.page.text().includes(text), `“${text}” is seen`)
  }

  setOnline(online: boolean): void {
    this.online = online
    this.listeners.network?.({ isConnected: online })
  }

  private async open(url: string): Promise<void> {
    const [path, search = ''] = url.replace(/^\//, '').split('?')
    const query = Object.fromEntries(search.split('&').filter(Boolean).map((pair) => pair.split('=').map(decodeURIComponent)))
    this.top()?.instance.onHide?.()
    const component = this.simulate.render(this.simulate.load(join(OUT, path!), { rootPath: OUT, compiler: 'official' }), {}) as Component
    const host = document.createElement('div')
    document.body.append(host)
    // Before it is attached: uni-app tells a page from a part by its route.
    component.instance.route = path
    const shown = this.shown(component, `.${path!.split('/')[1]}-page`)
    this.stack.push({ route: path!, component, shown })
    this.page = shown
    component.attach(host)
    component.instance.onLoad?.(query)
    component.instance.onShow?.()
    component.instance.onReady?.()
    await this.simulate.sleep(20)
  }

  private top(): Component | undefined {
    return this.stack[this.stack.length - 1]?.component
  }

  private close(): void {
    const gone = this.stack.pop()!
    gone.component.instance.onUnload?.()
    gone.component.detach()
  }

  private shown(component: Component, root: string): Shown {
    // A part whose host is virtual is found twice, as its host and as what it consists of.
    const all = (selector: string) => {
      const found = component.querySelectorAll(`${root} >>> ${selector}`)
      return found.filter((node, at) => node.dom && found.findIndex(({ dom }) => dom === node.dom) === at)
    }
    const find = (selector: string, text?: string) => {
      const found = all(selector).filter((node) => !text || node.dom.textContent.includes(text))
      if (!found[0]) throw new Error(`there is no ${selector} with “${text ?? ''}”\nthe page shows: ${this.page.text()}`)
      return found[0]
    }
    return {
      instance: component.instance,
      text: () => (component as Options).dom.textContent.replace(/\s+/g, ' ').trim(),
      all,
      tap: async (selector, text) => {
        await this.until(() => !isOff(find(selector, text)), `${selector} with “${text ?? ''}” can be pressed`)
        find(selector, text).dispatchEvent('tap')
        await this.simulate.sleep(30)
      },
      tapLast: async (selector) => {
        all(selector).pop()!.dispatchEvent('tap')
        await this.simulate.sleep(30)
      },
      type: async (selector, value) => {
        find(selector).dispatchEvent('input', { detail: { value } })
        await this.simulate.sleep(30)
      },
    }
  }

  private wx(): Options {
    const info = {
      brand: 'devtools', model: 'iPhone 14', system: 'iOS 17.0', platform: 'ios', language: this.language, version: '8.0.50', SDKVersion: '3.5.0', pixelRatio: 3,
      windowWidth: 390, windowHeight: 753, screenWidth: 390, screenHeight: 844, statusBarHeight: 47, fontSizeSetting: 16, theme: 'light',
      safeArea: { top: 47, bottom: 810, left: 0, right: 390, width: 390, height: 763 },
    }
    const later = (options: Options | undefined, answer: object) =>
      setTimeout(() => {
        options?.success?.(answer)
        options?.complete?.(answer)
      }, 0)
    const noted = (name: string, act: (options: Options) => void = () => {}) => (options: Options) => {
      this.calls.push({ name, options })
      act(options)
      later(options, { errMsg: `${name}:ok` })
    }
    const back = () => {
      this.close()
      this.page = this.stack[this.stack.length - 1]!.shown
      this.top()!.instance.onShow?.()
    }
    const replaceAll = ({ url }: Options) => {
      while (this.stack.length) this.close()
      void this.open(url)
    }
    return {
      getSystemInfoSync: () => info, getAppBaseInfo: () => info, getWindowInfo: () => info, getDeviceInfo: () => info, getSystemSetting: () => info, getAppAuthorizeSetting: () => ({}),
      getMenuButtonBoundingClientRect: () => ({ top: 48, height: 32, left: 290, right: 380, bottom: 80, width: 90 }),
      getAccountInfoSync: () => ({ miniProgram: { appId: 'x', envVersion: 'develop' } }),
      getLaunchOptionsSync: () => ({ path: '', query: {}, scene: 1001 }), getEnterOptionsSync: () => ({ query: {}, scene: 1001 }),
      onAppShow() {}, onAppHide() {}, onError() {}, onPageNotFound() {}, onUnhandledRejection() {}, onThemeChange() {}, canIUse: () => true,
      nextTick: (work: () => void) => setTimeout(work, 0),
      getStorageSync: (name: string) => this.storage[name] ?? '',
      setStorageSync: (name: string, value: string) => (this.storage[name] = value),
      setStorage: ({ key, data }: Options) => (this.storage[key] = data),
      removeStorageSync: (name: string) => delete this.storage[name],
      getStorageInfoSync: () => ({ keys: Object.keys(this.storage) }),
      getNetworkType: (options: Options) => later(options, { networkType: this.online ? 'wifi' : 'none' }),
      onNetworkStatusChange: (listener: (change: Options) => void) => (this.listeners.network = listener),
      login: (options: Options) => later(options, { code: this.code }),
      request: (options: Options) => this.request(options),
      downloadFile: noted('downloadFile', (options) => { options.success?.({ statusCode: 200, tempFilePath: 'wxfile://tmp/a.xlsx' }); options.success = undefined }),
      openDocument: noted('openDocument'),
      setBackgroundColor: noted('setBackgroundColor'), setNavigationBarColor: noted('setNavigationBarColor'), pageScrollTo: noted('pageScrollTo'), stopPullDownRefresh: noted('stopPullDownRefresh'),
      requestPayment: (options: Options) => {
        this.calls.push({ name: 'requestPayment', options })
        this.pays(options.package.replace('prepay_id=', '')).then(
          () => options.success?.({ errMsg: 'requestPayment:ok' }),
          (error: Error) => options.fail?.({ errMsg: error.message }),
        )
      },
      openBusinessView: (options: Options) => {
        this.calls.push({ name: 'openBusinessView', options })
        this.decides(options.extraData.apply_permissions_token).then(
          () => {
            options.success?.({ errMsg: 'openBusinessView:ok' })
            this.top()!.instance.onShow?.()
          },
          (error: Error) => options.fail?.({ errMsg: error.message }),
        )
      },
      scanCode: (options: Options) => {
        this.calls.push({ name: 'scanCode', options })
        const result = this.scans
        setTimeout(() => (result === undefined ? options.fail?.({ errMsg: 'scanCode:fail cancel' }) : options.success?.({ result, errMsg: 'scanCode:ok' })), 0)
      },
      chooseImage: (options: Options) => later(options, { tempFilePaths: ['wxfile://tmp/a.png'] }),
      getImageInfo: (options: Options) => later(options, { width: 1, height: 1 }),
      compressImage: (options: Options) => later(options, { tempFilePath: options.src }),
      getFileSystemManager: () => ({ readFile: (options: Options) => later(options, { data: DOT }) }),
      redirectTo: noted('redirectTo', ({ url }) => {
        this.close()
        void this.open(url)
      }),
      setClipboardData: noted('setClipboardData'),
      navigateTo: noted('navigateTo', ({ url }) => void this.open(url)), reLaunch: noted('reLaunch', replaceAll), navigateBack: noted('navigateBack', back),
    }
  }

  /** As WeChat's own: absolute addresses only, no cookie, a text or JSON. */
  private request(options: Options): object {
    if (!options.url.startsWith(BASE)) throw new Error(`not a listed domain: ${options.url}`)
    const to = this.house.url + options.url.slice(BASE.length)
    const end = (name: 'success' | 'fail', answer: object) => {
      options[name]?.(answer)
      options.complete?.(answer)
    }
    const sent = httpRequest(to, { method: options.method ?? 'GET', headers: options.header }, (got) => {
      const parts: Buffer[] = []
      got.on('data', (part: Buffer) => parts.push(part))
      got.on('error', () => end('fail', { errMsg: 'request:fail' }))
      got.on('end', () => {
        const text = Buffer.concat(parts).toString()
        let data: unknown = text
        try {
          data = JSON.parse(text)
        } catch {
          // A text it stays.
        }
        end('success', { statusCode: got.statusCode, data, header: got.headers })
      })
    })
    sent.on('error', () => end('fail', { errMsg: 'request:fail' }))
    sent.end(options.data)
    return { abort: () => sent.destroy() }
  }
}
