// What the tests of one page need to be there, made through the API. Each takes a day of its own far ahead, so that none
// stands in another's way.

import { inject, vi } from 'vitest'

import { call, tokenOf } from './browser'

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
  const answer = await fetch(`${inject('wechat')}/sim${path}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
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
