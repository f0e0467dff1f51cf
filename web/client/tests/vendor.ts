import { expect } from 'vitest'
import type { House } from './house'

interface Item {
  product_code: string
  quantity: number
  unit_price_cents: number
}
const SHELVES = [
  { product_code: 'MILK', price_cents: 600, stock: 40 },
  { product_code: 'RICE', price_cents: 5000, stock: 40 },
]
let cabinets = 0

export interface Session {
  session_no: string
  status: string
}

/** A cabinet of its own in a house, so that no other test and no earlier attempt has been there; its vendor tells what the test says. */
export class Cabinet {
  private events = 0

  private constructor(
    private readonly house: House,
    readonly code: string,
  ) {}

  static async put(house: House): Promise<Cabinet> {
    await house.wechat('POST', '/sim/settings', { cabinet_trip_after_s: null })
    const admin = await house.tokenOf('admin')
    const code = `T${Date.now().toString(36).toUpperCase()}-${cabinets++}`
    const store = { store_code: `S${code}`, store_name: '前海店', store_type: 'sports', store_property: 'own' }
    const { store_id } = await house.call<{ store_id: number }>('POST', '/api/v1/admin/stores', store, admin)
    const { device_id } = await house.call<{ device_id: number }>('POST', '/api/v1/admin/devices', { device_code: code, name: '更衣室柜', store_id }, admin)
    const [milk, rice] = [await house.product({ name_zh: '鲜榨豆浆', name_en: 'Soy milk' }), await house.product({ name_zh: '五常大米', name_en: 'Rice' })]
    const products = SHELVES.map((shelf, at) => ({ ...shelf, product_id: at ? rice : milk }))
    await house.call('PUT', `/api/v1/admin/devices/${device_id}/planogram`, { products, version: 0 }, admin)
    const cabinet = new Cabinet(house, code)
    await cabinet.is('online')
    return cabinet
  }

  is(status: 'online' | 'offline'): Promise<void> {
    return this.says('devices', { status })
  }

  /** Whether its vendor will open it when it is asked to. */
  async obeys(yes: boolean): Promise<void> {
    await this.house.wechat('POST', '/sim/cabinets/devices', { device_code: this.code, online: yes })
  }

  door(session: string, door: 'opened' | 'closed'): Promise<void> {
    return this.says('doors', { request_id: session, door })
  }

  /** What was taken, at the prices that the cabinet has. */
  settle(session: string, taken: Record<string, number>, amount?: number): Promise<void> {
    const items: Item[] = Object.entries(taken).map(([product_code, quantity]) => ({
      product_code,
      quantity,
      unit_price_cents: SHELVES.find((shelf) => shelf.product_code === product_code)!.price_cents,
    }))
    const sum = items.reduce((cents, { quantity, unit_price_cents }) => cents + quantity * unit_price_cents, 0)
    return this.says('orders', { request_id: session, order_no: `V${session}`, amount_cents: amount ?? sum, items })
  }

  /** Everything from the door's opening on. */
  async trip(session: string, taken: Record<string, number>): Promise<void> {
    await this.door(session, 'opened')
    await this.door(session, 'closed')
    await this.settle(session, taken)
  }

  private async says(kind: string, word: object): Promise<void> {
    const event = { event_id: `${this.code}-${this.events++}`, device_code: this.code, at: new Date().toISOString(), ...word }
    const url = `${this.house.url}/api/v1/callbacks/cabinet/${kind}`
    const { statuses } = await this.house.wechat<{ statuses: number[] }>('POST', '/sim/cabinets/events', { url, event, sent: ['genuine'] })
    expect(statuses).toEqual([200])
  }
}

export const sessions = async (house: House, token: string) =>
  (await house.call<{ sessions: Session[] }>('GET', '/api/v1/cabinet/sessions', undefined, token)).sessions

/** The member's newest opening. */
export const lastSession = async (house: House, token: string) => (await sessions(house, token))[0]!.session_no

export async function giveTickets(house: House, token: string, tickets: number): Promise<void> {
  const { user_info } = await house.call<{ user_info: { user_id: number } }>('GET', '/api/v1/users/profile', undefined, token)
  await house.call('POST', `/api/v1/admin/members/${user_info.user_id}/tickets`, { tickets, reason: '活动' }, await house.tokenOf('admin'))
}

/** A member whom nobody has met before. */
export const stranger = () => `guest${Date.now().toString(36)}${cabinets++}`

interface AtWechat {
  people: { openid: string; name: string }[]
  permissions: { authorization_code: string; apply_permissions_token: string }[]
}
const atWechat = (house: House) => house.wechat<AtWechat>('GET', '/sim/state')
const openidOf = ({ people }: AtWechat, name: string) => people.find((person) => person.name === name)!.openid

/** At WeChat a member lets the house collect by pay score, or no longer does. */
export async function allowScore(house: House, name: string, allowed: boolean): Promise<void> {
  await house.wechat('POST', '/sim/people/pay-score', { openid: openidOf(await atWechat(house), name), allowed })
}

/** On the page to which the token leads. */
export async function allowAsked(house: House, name: string, token: string): Promise<void> {
  const found = await atWechat(house)
  const { authorization_code } = found.permissions.find(({ apply_permissions_token }) => apply_permissions_token === token)!
  await house.wechat('POST', `/sim/permissions/${authorization_code}/open`, { openid: openidOf(found, name) })
}

/** Until the vendor has been asked for an opening's door. */
export const atVendor = (house: House, session: string) =>
  expect.poll(async () => Object.keys(await house.wechat<object>('GET', '/sim/cabinets/doors')), { timeout: 45_000 }).toContain(session)

/** A person of the house decides what is on its desk about an opening. */
export async function decide(house: House, session: string, action: 'charge' | 'dismiss'): Promise<void> {
  const admin = await house.tokenOf('admin')
  const { exceptions } = await house.call<{ exceptions: { exception_id: number; subject: string }[] }>('GET', '/api/v1/admin/exceptions?limit=100', undefined, admin)
  const { exception_id } = exceptions.find(({ subject }) => subject === session)!
  await house.call('POST', `/api/v1/admin/exceptions/${exception_id}/resolve`, { action, note: '看过了' }, admin)
}
