// Booking many meals for many members: from what is picked to requests, and from their answers to what a person reads.

import { api, ApiError, type Schemas } from '@/api'
import type { Meal } from '@/lib/meals'
import { newKey } from '@/lib/write'

/** What one request may hold. */
export const MOST_ORDERS = 20
export const MOST_MEMBERS = 50

export type Member = Schemas['DepartmentMembers']['members'][number]
/** Members by the meal that they are to have. */
export type Picked = ReadonlyMap<number, ReadonlySet<string>>

/** One order of a request: a meal and who is to have it. */
export interface Order {
  meal: Meal
  members: string[]
}

/** What became of an order, or would become of it. */
export interface Outcome extends Order {
  amountCents: number
  /** Why it is not booked; absent where it is. */
  error?: string
  /** No answer came: it may have been booked. */
  unknown?: boolean
  /** Nobody has asked for it yet. */
  unsent?: boolean
}

/**
 * As few requests as there can be: at most so many orders in each, with so many members in each order, and none with the same
 * meal twice.
 */
export function requestsOf(picked: Picked, meals: Meal[]): Order[][] {
  const waves: Order[][] = []
  for (const meal of meals) {
    const members = [...(picked.get(meal.meal_id) ?? [])]
    for (let from = 0, wave = 0; from < members.length; from += MOST_MEMBERS, wave += 1) {
      const order = { meal, members: members.slice(from, from + MOST_MEMBERS) }
      ;(waves[wave] ??= []).push(order)
    }
  }
  return waves.flatMap((wave) => Array.from({ length: Math.ceil(wave.length / MOST_ORDERS) }, (_, at) => wave.slice(at * MOST_ORDERS, (at + 1) * MOST_ORDERS)))
}

export function portionsOf(orders: Order[]): number {
  return orders.reduce((sum, { members }) => sum + members.length, 0)
}

/** Yuan with two decimals, as this part of the API writes them. */
export function centsOf(yuan: number): number {
  return Math.round(yuan * 100)
}

type Answer = Pick<Schemas['BatchBooked'], 'orders' | 'errors'>

/** An order's answer is found by its place where it failed, and by its meal where it did not. */
export function outcomesOf(orders: Order[], { orders: booked, errors }: Answer): Outcome[] {
  return orders.map((order, at) => {
    const error = errors.find(({ orderIndex }) => orderIndex === at + 1)
    if (error) return { ...order, amountCents: 0, error: error.error.replace(/^(订单|Order) \d+: /, '') }
    const done = booked.find(({ date, mealType }) => date === order.meal.date && mealType === order.meal.slot)
    return { ...order, amountCents: done ? centsOf(done.totalAmount) : 0 }
  })
}

export interface Asked {
  departmentId?: string
  remark: string
}

async function send(orders: Order[], { departmentId, remark }: Asked, dry_run: boolean, options?: { key: string }): Promise<Outcome[]> {
  const body = {
    orders: orders.map(({ meal, members }) => ({
      date: meal.date,
      mealType: meal.slot,
      members: members.map((userId) => ({ userId })),
      ...(remark ? { remark } : {}),
    })),
    ...(departmentId ? { departmentId } : {}),
  }
  try {
    return outcomesOf(orders, await api.post('/api/dining/enhanced/batch-orders', { query: { dry_run }, body }, options))
  } catch (error) {
    // Where nothing could be booked at all, the same list is in the refusal.
    if (error instanceof ApiError && Array.isArray(error.details.errors)) return outcomesOf(orders, { orders: [], errors: error.details.errors as Answer['errors'] })
    throw error
  }
}

/** What would become of it. Tells after each request what is known so far; given up, it ends with that. */
export async function check(requests: Order[][], asked: Asked, told: (known: Outcome[]) => void, signal?: AbortSignal): Promise<void> {
  let known: Outcome[] = []
  for (const orders of requests) {
    if (signal?.aborted) return
    known = [...known, ...(await send(orders, asked, true))]
    told(known)
  }
}

/**
 * Books request by request. One whose outcome is not known keeps its key: sent again, it is booked once. What has been answered
 * is not sent again. Stopped, it ends after the request that is on its way, and goes on from there when it is sent again.
 */
export class Booking {
  private readonly parts: { orders: Order[]; key: string; isSent?: boolean; outcomes?: Outcome[] }[]
  failure?: ApiError
  private isStopped = false

  constructor(
    requests: Order[][],
    private readonly asked: Asked,
  ) {
    this.parts = requests.map((orders) => ({ orders, key: newKey() }))
  }

  stop() {
    this.isStopped = true
  }

  /** Tells after each request how many portions have been answered for. */
  async send(told: (portions: number) => void): Promise<void> {
    this.failure = undefined
    this.isStopped = false
    for (const part of this.parts) {
      if (part.outcomes) continue
      if (this.isStopped) return
      part.isSent = true
      try {
        part.outcomes = await send(part.orders, this.asked, false, { key: part.key })
      } catch (error) {
        if (!(error instanceof ApiError)) throw error
        this.failure = error
        if (error.isUnknown) return
        part.outcomes = part.orders.map((order) => ({ ...order, amountCents: 0, error: error.message }))
      }
      told(this.parts.filter(({ outcomes }) => outcomes).reduce((sum, { orders }) => sum + portionsOf(orders), 0))
    }
  }

  get outcomes(): Outcome[] {
    return this.parts.flatMap(({ orders, outcomes, isSent }) => outcomes ?? orders.map((order) => ({ ...order, amountCents: 0, ...(isSent ? { unknown: true } : { unsent: true }) })))
  }
}

/** All members of a department who can be booked for. */
export async function membersOf(departmentId: string | undefined, signal?: AbortSignal): Promise<Schemas['DepartmentMembers']> {
  let found: Schemas['DepartmentMembers'] | undefined
  let cursor: string | undefined
  do {
    const page = await api.get('/api/dining/enhanced/dept-members', { query: { limit: 100, ...(departmentId ? { departmentId } : {}), ...(cursor ? { cursor } : {}) } }, { signal })
    found = found ? { ...page, members: [...found.members, ...page.members] } : page
    cursor = page.pageInfo.next_cursor ?? undefined
  } while (cursor)
  return found
}

/** Who is booked for by the department already, by `date slot`. */
export async function bookedOn(days: string[], departmentId: string | undefined, signal?: AbortSignal): Promise<Map<string, Set<string>>> {
  const booked = new Map<string, Set<string>>()
  for (const date of days) {
    for (let page = 1; ; page += 1) {
      const found = await api.get('/api/dining/enhanced/department-orders', { query: { date, page, pageSize: 100, ...(departmentId ? { departmentId } : {}) } }, { signal })
      for (const { mealType, members } of found.orders) {
        const key = `${date} ${mealType}`
        const standing = members.filter(({ status }) => status !== 'canceled' && status !== 'refunded')
        booked.set(key, new Set([...(booked.get(key) ?? []), ...standing.map(({ userId }) => userId)]))
      }
      if (page * 100 >= found.total) break
    }
  }
  return booked
}
