import { computed, onScopeDispose, shallowRef } from 'vue'

import { api, type Schemas } from '@/api'
import type { Tone } from '@/components/Tag.vue'
import { cabinets as texts } from '@/i18n/cabinets'
import { grouped } from '@/lib/money'
import { expired } from '@/session'

export type Store = Schemas['StoreAnswer']
export type Device = Schemas['DeviceAnswer']
export type Shelved = Schemas['ShelvedAnswer']
export type CabinetOrder = Schemas['CabinetOrderAnswer']
export type Opening = Schemas['DoorSessionAnswer']
export type Trace = Schemas['AuditRow']

export const DOOR_TONES: Record<Opening['status'], Tone> = {
  opening: 'calm', opened: 'calm', closed: 'calm', settled: 'good', held: 'warn', failed: 'bad', timed_out: 'bad', released: 'plain',
}
/** Whether WeChat is to collect for it, is at it, or has: not where it could not. */
export const isByScore = ({ payment_type, unpaid_reason }: Pick<CabinetOrder, 'payment_type' | 'unpaid_reason'>) => payment_type === 'wechat' && unpaid_reason !== 'pay_score_ended'

export const PAYMENT_TONES: Record<CabinetOrder['payment_status'], Tone> = { unpaid: 'warn', paid: 'good', withdrawn: 'plain' }

/** Whether its member cannot open another door before something becomes of it. */
export function isUnsettled({ status }: Pick<Opening, 'status'>): boolean {
  return status === 'opening' || status === 'opened' || status === 'closed' || status === 'held'
}

/** All of them: a house has dozens. */
export const stores = shallowRef<Store[]>()
export const devices = shallowRef<Device[]>()

export async function loadStores(signal?: AbortSignal): Promise<Store[]> {
  stores.value = await all((cursor) => api.get('/api/v1/admin/stores', { query: { limit: 100, cursor } }, { signal }), (page) => page.stores)
  return stores.value
}

export async function loadDevices(signal?: AbortSignal): Promise<Device[]> {
  devices.value = await all((cursor) => api.get('/api/v1/admin/devices', { query: { limit: 100, cursor } }, { signal }), (page) => page.devices)
  return devices.value
}

/** Every page of a list. */
export async function all<P extends { page_info: Schemas['CursorInfo'] }, R>(read: (cursor: string | undefined) => Promise<P>, rowsOf: (page: P) => R[]): Promise<R[]> {
  const found: R[] = []
  let cursor: string | undefined
  do {
    const page = await read(cursor)
    found.push(...rowsOf(page))
    cursor = page.page_info.next_cursor ?? undefined
  } while (cursor)
  return found
}

const storeNames = computed(() => new Map(stores.value?.map(({ store_id, store_name }) => [store_id, store_name])))
const deviceNames = computed(() => new Map(devices.value?.map(({ device_id, name }) => [device_id, name])))

export function storeName(store_id: number): string {
  return storeNames.value.get(store_id) ?? `#${store_id}`
}

export function deviceName(device_id: number): string {
  return deviceNames.value.get(device_id) ?? `#${device_id}`
}

/** What is sold out in it, or never was filled. */
export function soldOut({ planogram }: Pick<Device, 'planogram'>): Shelved[] {
  return planogram.filter(({ stock }) => stock <= 0)
}

/** What keeps a cabinet from selling, the worst first. */
export const DEVICE_STATES = ['offline', 'busy', 'sold_out', 'empty', 'ready'] as const
export const DEVICE_TONES: Record<Device['state'], Tone> = { offline: 'bad', busy: 'calm', sold_out: 'warn', empty: 'warn', ready: 'good' }

/** What was taken, in one line. */
export function itemsOf({ items }: Pick<CabinetOrder, 'items'>, nameOf: (item: CabinetOrder['items'][number]) => string): string {
  return items.map((item) => `${nameOf(item)} × ${grouped(item.quantity)}`).join(' · ')
}

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** The id that the number of an order or an opening ends with, in Crockford's base 32. */
export function idIn(number: string): number | undefined {
  const tail = /^[A-Z]{4}\d{8}([0-9A-HJKMNP-TV-Z]{11})$/i.exec(number)?.[1]
  return tail ? [...tail.toUpperCase()].reduce((id, digit) => id * 32 + DIGITS.indexOf(digit), 0) : undefined
}

/** Whether more will be heard of it by itself; what is held waits for a person. */
export function goesOn({ status }: { status: Schemas['DoorStatus'] }): boolean {
  return isUnsettled({ status }) && status !== 'held'
}

/** Asks again every few seconds for as long as it matters and somebody looks. */
export function keepAsking(matters: () => boolean, again: () => Promise<void>, everyMs = 4_000) {
  const timer = setInterval(() => matters() && !document.hidden && !expired.value && void again(), everyMs)
  onScopeDispose(() => clearInterval(timer))
}

/** The trail of one thing, the newest first. */
export async function trailOf(object_kind: 'order' | 'door_session', object_id: number, signal: AbortSignal): Promise<Trace[]> {
  return (await api.get('/api/v1/admin/audit', { query: { object_kind, object_id, limit: 100 } }, { signal })).records
}

export interface Origin {
  device_id: number
  store_id: number
  session_no?: string
  trail: Trace[]
}

/** Where an order comes from, as the audit trail tells it: which opening of which cabinet, and how that went. */
export async function originOf({ order_id }: Pick<CabinetOrder, 'order_id'>, signal: AbortSignal): Promise<Origin | undefined> {
  const own = await trailOf('order', order_id, signal)
  const placed = own.find(({ action }) => action === 'cabinet_order.place')?.after as { device: number; store: number; session: number } | undefined
  if (!placed) return undefined
  const opening = await trailOf('door_session', placed.session, signal)
  const asked = opening.find(({ action }) => action === 'door.open')?.after as { session_no: string } | undefined
  const trail = [...own, ...opening].sort((a, b) => b.audit_id - a.audit_id)
  return { device_id: placed.device, store_id: placed.store, session_no: asked?.session_no, trail }
}

/** A line of a planogram while somebody writes it. */
export interface Shelf {
  key: number
  product?: number
  code: string
  price?: number
  /** What is typed as the price is no amount. */
  isWrong: boolean
  stock: string
  /** How many are put in; empty for none. */
  refill: string
  /** As it is in the cabinet. */
  was?: Shelved
}

export const MOST_SHELVED = 200
export const MOST_STOCK = 10_000

let keys = 0
export function shelfOf(was?: Shelved): Shelf {
  keys += 1
  return { key: keys, product: was?.product_id, code: was?.product_code ?? '', price: was?.price_cents, isWrong: false, stock: String(was?.stock ?? 0), refill: '', was }
}

const isCounted = ({ stock, was }: Shelf) => !was || stock.trim() !== String(was.stock)
const whole = (text: string, pattern = /^-?\d{1,6}$/) => (pattern.test(text.trim().replace('−', '-')) ? Number(text.trim().replace('−', '-')) : undefined)

/** How many there will be; nothing where what is typed is no number. */
export function stockAfter({ stock, refill }: Pick<Shelf, 'stock' | 'refill'>): number | undefined {
  const [counted, added] = [whole(stock), refill.trim() === '' ? 0 : whole(refill, /^\d{1,6}$/)]
  return counted === undefined || added === undefined ? undefined : counted + added
}

export type ShelfProblems = Partial<Record<'product' | 'code' | 'price' | 'stock', string>>

/** What is wrong with a line; what is only missing is said once somebody has tried to save. */
export function problemsOf(shelf: Shelf, shelves: Shelf[], tried: boolean): ShelfProblems {
  const { required, codeTwice, priceWrong, stockWrong } = texts.value
  const code = shelf.code.trim()
  const after = stockAfter(shelf)
  const found: ShelfProblems = {}
  if (shelf.product === undefined && tried) found.product = required
  if (!code && tried) found.code = required
  else if (code && shelves.some((other) => other.key !== shelf.key && other.code.trim() === code)) found.code = codeTwice
  if (shelf.isWrong || (shelf.price ?? 0) < 0 || (shelf.price === undefined && tried)) found.price = priceWrong
  if (after === undefined || after < 0 || after > MOST_STOCK) found.stock = stockWrong
  return found
}

/** Whether somebody else has changed more than what was sold meanwhile. */
export function isOutdated(was: Shelved[], now: Shelved[]): boolean {
  const lines = (shelved: Shelved[]) => JSON.stringify(shelved.map(({ product_code, product_id, price_cents }) => [product_code, product_id, price_cents]))
  return lines(was) !== lines(now)
}

/** What is to be sent: where nobody has counted, what is put in comes on top of what is there now. */
export function planogramOf(shelves: Shelf[], now: Shelved[]): Schemas['Planogram']['products'] {
  return shelves.map((shelf) => {
    const there = isCounted(shelf) ? undefined : now.find(({ product_code }) => product_code === shelf.was!.product_code)
    const stock = stockAfter({ ...shelf, stock: there ? String(there.stock) : shelf.stock })!
    return { product_code: shelf.code.trim(), product_id: shelf.product!, price_cents: shelf.price!, stock }
  })
}

/** What is about to change, in numbers. */
export function summaryOf(shelves: Shelf[], was: Shelved[]) {
  const kept = new Set(shelves.map(({ was: before }) => before?.product_code))
  return {
    products: shelves.length,
    refilled: shelves.reduce((sum, { refill }) => sum + (whole(refill, /^\d{1,6}$/) ?? 0), 0),
    priced: shelves.filter(({ was: before, price }) => before && price !== before.price_cents).length,
    counted: shelves.filter((shelf) => shelf.was && isCounted(shelf)).length,
    added: shelves.filter(({ was: before }) => !before).length,
    removed: was.filter(({ product_code }) => !kept.has(product_code)).length,
  }
}

export function isChanged(shelves: Shelf[], was: Shelved[]): boolean {
  const { products, ...changes } = summaryOf(shelves, was)
  return products !== was.length || Object.values(changes).some(Boolean) || shelves.some(({ code, product, was: before }) => before && (code.trim() !== before.product_code || product !== before.product_id))
}
