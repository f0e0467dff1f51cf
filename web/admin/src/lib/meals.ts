// What is done with meals in several places.

import { api, type Schemas } from '@/api'
import { t } from '@/i18n'

import { money } from './money'

export type Meal = Schemas['MealAnswer']
export type Slot = Schemas['Slot']
export type Order = Schemas['MealOrderRow']
export type Step = 'publish' | 'lock' | 'unlock' | 'complete' | 'cancel'

export const SLOTS: Slot[] = ['breakfast', 'lunch', 'dinner']

/** The steps that a meal's state allows, the usual next one first. */
export function stepsOf(meal: Meal): Step[] {
  switch (meal.status) {
    case 'draft':
      return ['publish', 'cancel']
    case 'published':
      return ['lock', 'cancel']
    case 'locked':
      return ['complete', 'unlock', 'cancel']
    default:
      return []
  }
}

export function isEditable(meal: Meal): boolean {
  return meal.status === 'draft' || meal.status === 'published' || meal.status === 'locked'
}

export function nameOf(meal: Pick<Meal, 'date' | 'slot' | 'title'>): string {
  return `${meal.date} ${t.value.slots[meal.slot]} ${meal.title ?? ''}`.trimEnd()
}

/** Takes a step, or only says what it would do. */
export function take(step: Step, meal: number, dryRun: boolean, reason: string, options?: { key: string }) {
  const asked = { path: { meal_id: meal }, query: { dry_run: dryRun } }
  switch (step) {
    case 'publish':
      return api.post('/api/v1/meals/{meal_id}/publish', asked, options)
    case 'lock':
      return api.post('/api/v1/meals/{meal_id}/lock', asked, options)
    case 'unlock':
      return api.post('/api/v1/meals/{meal_id}/unlock', asked, options)
    case 'complete':
      return api.post('/api/v1/meals/{meal_id}/complete', asked, options)
    case 'cancel':
      return api.post('/api/v1/meals/{meal_id}/cancel', { ...asked, body: reason ? { reason } : {} }, options)
  }
}

export function consequenceOf({ orders_changed, refunded_cents }: Schemas['MealChange']): string {
  if (orders_changed === 0) return t.value.meals.consequence.none
  if (refunded_cents > 0) return t.value.meals.consequence.refund(orders_changed, money(refunded_cents))
  return t.value.meals.consequence.change(orders_changed)
}

/** A range of days is far below this; the server gives at most a hundred at a time. */
const PAGE = 100

export async function mealsBetween(from: string, to: string, signal?: AbortSignal): Promise<Meal[]> {
  const meals: Meal[] = []
  for (;;) {
    const query = { date_from: from, date_to: to, limit: PAGE, offset: meals.length }
    const page = await api.get('/api/v1/meals', { query }, { signal })
    meals.push(...page.meals)
    if (!page.page_info.has_more) return meals
  }
}

/** All orders of a meal: as many as it has portions, at most. */
export async function ordersOf(meal: number, canceled: boolean, signal?: AbortSignal): Promise<Order[]> {
  const orders: Order[] = []
  let cursor: string | undefined
  do {
    const query = { include_canceled: canceled, limit: PAGE, ...(cursor ? { cursor } : {}) }
    const page = await api.get('/api/v1/meals/{meal_id}/orders', { path: { meal_id: meal }, query }, { signal })
    orders.push(...page.orders)
    cursor = page.page_info.next_cursor ?? undefined
  } while (cursor)
  return orders
}

/** How many portions were ordered with each option, most first. */
export function optionCounts(orders: Order[]): { name: string; portions: number }[] {
  const counts = new Map<string, number>()
  for (const order of orders) {
    for (const option of order.selected_options) counts.set(option.name, (counts.get(option.name) ?? 0) + order.quantity)
  }
  return [...counts].map(([name, portions]) => ({ name, portions })).sort((a, b) => b.portions - a.portions)
}

export interface Dish {
  options: string[]
  portions: number
  /** What people wrote, each with how many portions it is about. */
  notes: { text: string; portions: number }[]
}

/** What the kitchen makes: orders with the same options are one dish, most portions first. */
export function dishes(orders: Order[]): Dish[] {
  const found = new Map<string, Dish>()
  for (const order of orders) {
    const options = order.selected_options.map(({ name }) => name)
    const key = options.join('\n')
    const dish = found.get(key) ?? { options, portions: 0, notes: [] }
    dish.portions += order.quantity
    const text = order.notes.trim()
    const same = dish.notes.find((note) => note.text === text)
    if (same) same.portions += order.quantity
    else if (text) dish.notes.push({ text, portions: order.quantity })
    found.set(key, dish)
  }
  return [...found.values()].sort((a, b) => b.portions - a.portions)
}

export function stands(order: Order): boolean {
  return order.status !== 'canceled' && order.status !== 'refunded'
}

/** From and to, as `11:30`; empty while nothing is typed. */
export interface Window {
  from: string
  to: string
}

const FIRST: Record<Slot, Window> = {
  breakfast: { from: '07:30', to: '08:00' },
  lunch: { from: '11:30', to: '12:00' },
  dinner: { from: '17:30', to: '18:00' },
}
const minutes = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5))
const clockOf = (minute: number) => [Math.floor(minute / 60), minute % 60].map((part) => String(part).padStart(2, '0')).join(':')

export function windowOf(text: string): Window {
  const [from = '', to = ''] = text.split('-')
  return { from, to }
}
export const windowText = ({ from, to }: Window) => `${from}-${to}`

/** What most likely comes next: as long as the last one, from its end on, within the day. */
export function nextWindow(windows: Window[], slot: Slot): Window {
  const last = windows.at(-1)
  if (!last) return { ...FIRST[slot] }
  const until = 2 * minutes(last.to) - minutes(last.from)
  return minutes(last.to) > minutes(last.from) && until < 24 * 60 ? { from: last.to, to: clockOf(until) } : { from: last.to, to: '' }
}
