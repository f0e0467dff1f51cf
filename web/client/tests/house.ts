import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { freshDatabase } from '../../postgres'

export const CLIENT = fileURLToPath(new URL('..', import.meta.url))
/** The server's program; `cargo xtask test` builds it and names it. */
export const SERVER = process.env.FANPIAO_SERVER ?? join(CLIENT, '../../target/debug/fanpiao')
const PAGES = join(CLIENT, 'dist/build/h5')
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}
/** What the binary sends with its pages. */
export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'"

const DAY = 86_400_000

export interface NewMeal {
  date: string
  slot: string
  title: string
  description: string
  base_price_cents: number
  capacity: number
  options: { name: string; price_cents: number }[]
  pickup_windows: string[]
  orders_close_at?: string
  status: string
}

export interface Mine {
  meal_id: number
  my_order: { order_id: number; pickup_code: string; pickup_qr: string; pickup_window?: string } | null
}

export interface Said {
  admin: string
  deptAdmin: string
}

/** No fetch: the mini program's tests take away what a mini program has not. */
function fetched(url: string, method: string, headers: Record<string, string>, body?: unknown): Promise<{ status: number; text: string }> {
  return new Promise((done, fail) => {
    const sent = request(url, { method, headers }, (got) => {
      let text = ''
      got.setEncoding('utf8').on('data', (part: string) => (text += part))
      got.on('end', () => done({ status: got.statusCode!, text }))
    })
    sent.on('error', fail).end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/**
 * A real server with the demo's data in a folder of its own. In front of it stands a door that serves the built pages and lets a
 * test hold back or lose what comes through, as networks do; the server behind it may be killed and started again.
 */
export class House {
  readonly folder = mkdtempSync(join(tmpdir(), 'fanpiao-client-'))
  /** None of its own on SQLite, which lies in the folder. */
  private readonly database = process.env.E2E_ENGINE === 'postgres' ? freshDatabase() : undefined
  url = ''
  /** Where the simulated WeChat is; another one each time the server is started. */
  sim = ''
  passwords: Said = { admin: '', deptAdmin: '' }
  /** Called with each request for the API before it goes on; what it waits for, the request waits for. */
  before: (asked: IncomingMessage) => Promise<void> | void = () => {}
  /** Called with each answer of the API before it is handed on; `lose` breaks the connection in it. */
  after: (asked: IncomingMessage, status: number) => Promise<'lose' | void> | 'lose' | void = () => {}
  /** `METHOD PATH` and key of every request for the API that came in. */
  readonly asked: { what: string; key: string | undefined }[] = []
  private door!: Server
  private server?: ChildProcess
  private port = 0
  private meals = 0

  static async open(): Promise<House> {
    const house = new House()
    house.door = createServer((asked, answer) => void house.serve(asked, answer))
    await new Promise<void>((done) => house.door.listen(0, '127.0.0.1', done))
    house.url = `http://127.0.0.1:${(house.door.address() as AddressInfo).port}`
    await house.start()
    return house
  }

  async start(): Promise<void> {
    const database = this.database ? ['--database', this.database.url] : []
    const server = spawn(SERVER, ['demo', '--folder', join(this.folder, 'demo'), '--listen', '127.0.0.1:0', ...database])
    this.server = server
    let said = ''
    await new Promise<void>((done, fail) => {
      server.stderr.on('data', (text) => (said += text))
      server.stdout.on('data', (text) => {
        said += text
        const port = /listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(said)
        if (!port) return
        this.port = Number(port[1])
        done()
      })
      server.once('exit', (code) => fail(new Error(`the server ended with ${code}:\n${said}`)))
    })
    this.sim = /simulated WeChat +(http:\/\/[\d.:]+)/.exec(said)![1]!
    this.passwords = {
      admin: /administrator +admin +(\S+)/.exec(said)![1]!,
      deptAdmin: /zhou\.min +(\S+)/.exec(said)![1]!,
    }
  }

  /** As a crash or a power cut would. */
  async kill(): Promise<void> {
    const server = this.server!
    server.removeAllListeners('exit')
    const gone = new Promise((done) => server.once('exit', done))
    server.kill('SIGKILL')
    await gone
  }

  async close(): Promise<void> {
    await this.kill()
    this.door.closeAllConnections()
    await new Promise((done) => this.door.close(done))
    this.database?.drop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** As another program would, past the door. */
  async call<T>(method: string, path: string, body?: unknown, token?: string): Promise<T> {
    const headers: Record<string, string> = { 'Content-Type': 'application/json', ...(token ? { Authorization: `Bearer ${token}` } : {}) }
    const { status, text } = await fetched(`http://127.0.0.1:${this.port}${path}`, method, headers, body)
    const said = JSON.parse(text) as { data: T; message: string }
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${said.message}`)
    return said.data
  }

  /** What somebody does at WeChat, or to it. */
  async wechat<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { status, text } = await fetched(this.sim + path, method, { 'Content-Type': 'application/json' }, body)
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`)
    return JSON.parse(text) as T
  }

  /** The newest top-up of a member, as the server shows it. */
  async topup(token: string): Promise<{ order_no: string; status: string; amount_cents: number }> {
    const { orders } = await this.call<{ orders: { order_no: string; status: string; amount_cents: number }[] }>('GET', '/api/v1/recharge/orders', undefined, token)
    return orders[0]!
  }

  /** Somebody pays an order, as with their phone. */
  pay(orderNo: string, how: { notice?: { lose: boolean } } = {}): Promise<unknown> {
    return this.wechat('POST', `/sim/orders/${orderNo}/pay`, how)
  }

  async balance(token: string): Promise<number> {
    return (await this.call<{ user_info: { balance_cents: number } }>('GET', '/api/v1/users/profile', undefined, token)).user_info.balance_cents
  }

  /** What the server itself serves, past the door. */
  served(path: string): Promise<{ body: string; policy: string }> {
    return new Promise((done, fail) => {
      const sent = request({ port: this.port, host: '127.0.0.1', path }, (got) => {
        let body = ''
        got.setEncoding('utf8').on('data', (part: string) => (body += part))
        got.on('end', () => done({ body, policy: got.headers['content-security-policy'] as string }))
      })
      sent.on('error', fail).end()
    })
  }

  async tokenOf(account: 'admin' | 'zhou.min'): Promise<string> {
    const password = account === 'admin' ? this.passwords.admin : this.passwords.deptAdmin
    return (await this.call<{ token: string }>('POST', '/api/v1/auth/password', { account, password })).token
  }

  /** A meal of a day that the demo leaves free, published. */
  async meal(part: Partial<NewMeal> = {}): Promise<number> {
    const date = new Date(Date.now() + DAY * (20 + this.meals++)).toISOString().slice(0, 10)
    const body: NewMeal = {
      date,
      slot: 'lunch',
      title: '红烧牛肉饭',
      description: '牛肉、胡萝卜、时令青菜，米饭可续',
      base_price_cents: 1800,
      capacity: 40,
      options: [
        { name: '加卤蛋', price_cents: 200 },
        { name: '不要米饭', price_cents: -100 },
      ],
      pickup_windows: [],
      status: 'published',
      ...part,
    }
    return (await this.call<{ meal_id: number }>('POST', '/api/v1/meals', body, await this.tokenOf('admin'))).meal_id
  }

  async product(part: object = {}): Promise<number> {
    const body = { name_zh: '手冲咖啡豆', name_en: 'Coffee beans', description: '浅烘，半磅', price_cents: 6800, stock: 5, on_sale: true, ...part }
    return (await this.call<{ product_id: number }>('POST', '/api/v1/admin/products', body, await this.tokenOf('admin'))).product_id
  }

  async round(product: number, part: object = {}): Promise<number> {
    const body = { product_id: product, total_shares: 10, share_price_cents: 100, closes_at: new Date(Date.now() + 2 * DAY).toISOString(), ...part }
    return (await this.call<{ round_id: number }>('POST', '/api/v1/admin/rounds', body, await this.tokenOf('admin'))).round_id
  }

  /** A member's token, without a phone. */
  async member(name: string): Promise<string> {
    return (await this.call<{ token: string }>('POST', '/api/v1/auth/login', { code: `sim-${name}-${Date.now()}${this.meals++}` })).token
  }

  /** Somebody of the demo who fetches something on the day that a phone takes for today. */
  async hungry(today: string): Promise<{ name: string; meals: Mine[] }> {
    for (const name of ['zhangwei', 'lina', 'liuyang', 'chenjing', 'yangfan', 'zhaolei', 'huangmin', 'zhoujie']) {
      const { meals } = await this.call<{ meals: Mine[] }>('GET', `/api/v1/meals?date_from=${today}&date_to=${today}`, undefined, await this.member(name))
      const mine = meals.filter(({ my_order }) => my_order)
      if (mine.length) return { name, meals: mine }
    }
    throw new Error('nobody of the demo fetches anything today')
  }

  /** What the server itself says of a member's wallet and of their order for a meal. */
  async standing(token: string, meal: number) {
    const { user_info } = await this.call<{ user_info: { balance_cents: number } }>('GET', '/api/v1/users/profile', undefined, token)
    const { total_count } = await this.call<{ total_count: number }>('GET', '/api/v1/users/balance/history', undefined, token)
    const { my_order } = await this.call<{ my_order: { quantity: number; total_price_cents: number } | null }>('GET', `/api/v1/meals/${meal}`, undefined, token)
    return { balance: user_info.balance_cents, entries: total_count, order: my_order }
  }

  private async serve(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const path = asked.url!.split('?')[0]!
    if (path.startsWith('/api/')) return this.pass(asked, answer)
    const file = join(PAGES, path === '/' ? 'index.html' : path)
    if (!file.startsWith(PAGES) || !existsSync(file) || !statSync(file).isFile()) {
      answer.writeHead(404).end()
      return
    }
    answer.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream', 'Content-Security-Policy': POLICY })
    answer.end(readFileSync(file))
  }

  private async pass(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body: Buffer[] = []
    for await (const part of asked) body.push(part as Buffer)
    const key = asked.headers['idempotency-key'] as string | undefined
    this.asked.push({ what: `${asked.method} ${asked.url}`, key })
    await this.before(asked)
    // After a first byte: a browser repeats by itself what was lost before.
    const lost = () => answer.writeHead(200, { 'Content-Length': 1000 }).write('{', () => asked.socket.destroy())
    const onward = request({ port: this.port, host: '127.0.0.1', method: asked.method, path: asked.url, headers: asked.headers }, async (got) => {
      // What goes on is handed on as it comes.
      if (got.headers['content-type'] === 'text/event-stream') {
        if ((await this.after(asked, got.statusCode!)) === 'lose') return got.destroy(), lost()
        answer.writeHead(got.statusCode!, got.headers)
        answer.on('close', () => got.destroy())
        got.pipe(answer)
        return
      }
      const parts: Buffer[] = []
      for await (const part of got) parts.push(part as Buffer)
      if ((await this.after(asked, got.statusCode!)) === 'lose') return lost()
      const { 'transfer-encoding': _, ...headers } = got.headers
      answer.writeHead(got.statusCode!, headers)
      answer.end(Buffer.concat(parts))
    })
    onward.on('error', lost)
    onward.end(Buffer.concat(body))
  }
}
