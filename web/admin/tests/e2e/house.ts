// What the tests of one page need to be there, made through the API. Each takes a day of its own far ahead, so that none
// stands in another's way.

import { vi } from 'vitest'

import { call, tokenOf } from './browser'
import { url, wechat } from './server'

let codes = 0

/** A week after the last meal that there is. */
export async function freeDay(): Promise<string> {
  const token = await tokenOf('admin')
  const list = (offset: number) =>
    call<{ meals: { date: string }[]; total_count: number }>(token, 'GET', `/api/v1/meals?limit=1&offset=${offset}`)
  const { meals } = await list((await list(0)).total_count - 1)
  return dayAfter(meals[0]!.date, 7)
}

export function dayAfter(day: string, by: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + by * 86_400_000).toISOString().slice(0, 10)
}

export interface Member {
  token: string
  user_id: number
  nickname: string
}

/** One of the demo's members, signed in as the mini program would. */
export async function member(name: string): Promise<Member> {
  codes += 1
  const code = `sim-${name}-${Date.now()}x${codes}`
  const { token, user_info } = await call<{ token: string; user_info: { user_id: number; nickname: string } }>(undefined, 'POST', '/api/v1/auth/login', { code })
  return { token, ...user_info }
}

export async function makeMeal(day: string, more: Record<string, unknown> = {}): Promise<number> {
  const body = {
    date: day,
    slot: 'lunch',
    title: '试菜',
    base_price_cents: 1500,
    capacity: 10,
    options: [{ name: '加蛋', price_cents: 200 }],
    status: 'published',
    ...more,
  }
  return (await call<{ meal_id: number }>(await tokenOf('admin'), 'POST', '/api/v1/meals', body)).meal_id
}

export async function order(by: Member, meal_id: number, quantity = 1): Promise<number> {
  return (await call<{ order_id: number }>(by.token, 'POST', '/api/v1/orders', { meal_id, quantity, notes: `${by.nickname}的` })).order_id
}

/** A top-up that a member has begun. */
export async function topup(by: Member, amount_cents: number): Promise<string> {
  return (await call<{ order_no: string }>(by.token, 'POST', '/api/v1/recharge/orders', { amount_cents, client: 'native' })).order_no
}

/** Something that a person does in the simulated WeChat. */
export async function atWechat(path: string, body: Record<string, unknown> = {}): Promise<void> {
  const answer = await fetch(`${wechat}/sim${path}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`/sim${path}: ${answer.status} ${await answer.text()}`)
}

/** Waits until something is so; what is waited for is somebody else's doing. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  await vi.waitUntil(isSo, { timeout: 45_000, interval: 200 })
}

export async function statusOf(order_no: string): Promise<string> {
  return (await call<{ status: string }>(await tokenOf('admin'), 'GET', `/api/v1/recharge/orders/${order_no}`)).status
}

export async function balanceOf(user_id: number): Promise<number> {
  return (await call<{ balance_cents: number }>(await tokenOf('admin'), 'GET', `/api/v1/admin/members/${user_id}`)).balance_cents
}

export interface Cabinet {
  store_id: number
  device_id: number
  code: string
}

let cabinets = 0

/** A cabinet of a test's own with cola for 3.00 and rice for 50.00, online; whatever becomes of its door, a test has to say. */
export async function makeCabinet(name = '试验柜'): Promise<Cabinet> {
  cabinets += 1
  await atWechat('/settings', { cabinet_trip_after_s: null })
  const token = await tokenOf('admin')
  const code = `T${Date.now() % 1e9}X${cabinets}`
  const { store_id } = await call<{ store_id: number }>(token, 'POST', '/api/v1/admin/stores', {
    store_code: code, store_name: `${name}的门店`, store_type: 'arcade', store_property: 'own', address: '南山大道 1 号', phone: '0755-12345678',
  })
  const { device_id } = await call<{ device_id: number }>(token, 'POST', '/api/v1/admin/devices', { device_code: code, name, store_id })
  const product = async (name_zh: string, price_cents: number) => (await call<{ product_id: number }>(token, 'POST', '/api/v1/admin/products', { name_zh, price_cents, on_sale: true, stock: 0 })).product_id
  await call(token, 'PUT', `/api/v1/admin/devices/${device_id}/planogram`, {
    version: 0,
    products: [
      { product_code: 'COLA', product_id: await product('可乐 330ml', 300), price_cents: 300, stock: 10 },
      { product_code: 'RICE', product_id: await product('珍珠米 5kg', 5_000), price_cents: 5_000, stock: 10 },
    ],
  })
  await vendorSays('devices', { device_code: code, status: 'online', at: new Date().toISOString() })
  return { store_id, device_id, code }
}

let events = 0

/** The cabinets' vendor tells something, properly signed. */
export async function vendorSays(kind: 'orders' | 'doors' | 'devices' | 'exceptions', event: Record<string, unknown>): Promise<void> {
  events += 1
  const told = { event_id: `E${Date.now()}x${events}`, ...event }
  await atWechat('/cabinets/events', { url: `${url}/api/v1/callbacks/cabinet/${kind}`, event: told, sent: ['genuine'] })
}

/** Somebody who has never opened a door. */
export async function shopper(nickname: string, tickets = 20_000): Promise<Member> {
  codes += 1
  const someone = await member(`shopper${Date.now()}n${codes}`)
  const token = await tokenOf('admin')
  await call(token, 'PUT', `/api/v1/admin/members/${someone.user_id}`, { nickname })
  await call(token, 'POST', `/api/v1/admin/members/${someone.user_id}/tickets`, { tickets, reason: '开业活动' })
  return { ...someone, nickname }
}

export async function openDoor(by: Member, { code }: Cabinet): Promise<string> {
  return (await call<{ session_no: string }>(by.token, 'POST', '/api/v1/cabinet/sessions', { device_code: code, payment_type: 'ticket' })).session_no
}

export async function saysDoor({ code }: Cabinet, request_id: string, door: 'opened' | 'closed'): Promise<void> {
  await vendorSays('doors', { request_id, device_code: code, door, at: new Date().toISOString() })
}

/** What was taken, at 3.00 a piece unless another price is said. */
export async function saysTaken({ code }: Cabinet, request_id: string, goods: { product_code: string; quantity: number; unit_price_cents?: number }[]): Promise<void> {
  const items = goods.map((taken) => ({ unit_price_cents: 300, ...taken }))
  const amount_cents = items.reduce((sum, { quantity, unit_price_cents }) => sum + quantity * unit_price_cents, 0)
  await vendorSays('orders', { request_id, device_code: code, order_no: `V-${request_id}`, amount_cents, items })
}

/** From the scan to what was taken. */
export async function trip(by: Member, cabinet: Cabinet, goods: Parameters<typeof saysTaken>[2]): Promise<string> {
  const session_no = await openDoor(by, cabinet)
  await saysDoor(cabinet, session_no, 'opened')
  await saysDoor(cabinet, session_no, 'closed')
  await saysTaken(cabinet, session_no, goods)
  return session_no
}

export async function openingOf(session_no: string): Promise<{ status: string; order: { order_no: string; payment_status: string; total_cents: number } | null }> {
  return call(await tokenOf('admin'), 'GET', `/api/v1/cabinet/sessions/${session_no}`)
}
