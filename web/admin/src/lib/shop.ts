import { shallowReactive, shallowRef } from 'vue'

import { api, type Schemas } from '@/api'
import type { Tone } from '@/components/Tag.vue'
import { language } from '@/i18n'
import { shop as texts } from '@/i18n/shop'
import { may } from '@/session'

export type Product = Schemas['ProductAnswer']
export type Round = Schemas['RoundAnswer']
export type ShopOrder = Schemas['ShopOrderAnswer']
export type Step = Exclude<Schemas['Fulfilment'], 'pending' | 'not_needed'>

export const ROUND_TONES: Record<Schemas['RoundStatus'], Tone> = { open: 'good', sold_out: 'warn', drawn: 'plain', failed: 'off' }
export const ORDER_TONES: Record<Schemas['ShopStatus'], Tone> = {
  pending: 'calm', paid: 'good', completed: 'plain', cancelled: 'off', expired: 'off', refunded: 'off',
}
export const FULFILMENT_TONES: Record<string, Tone> = { pending: 'warn', preparing: 'calm', ready: 'calm', shipped: 'calm', cancelled: 'off' }

export function nameOf(product: Pick<Product, 'name_zh' | 'name_en'>): string {
  return language.value === 'en' && product.name_en ? product.name_en : product.name_zh
}

/** Sends what comes or goes of a product. */
export const moveStock = (product_id: number) => (body: Schemas['Movement'], options: { key: string }) =>
  api.post('/api/v1/admin/products/{product_id}/stock', { path: { product_id }, body }, options)

/** All products: a house sells a few dozen. Read once, and again after one was changed. */
export const products = shallowRef<Product[]>()

export async function loadProducts(signal?: AbortSignal): Promise<Product[]> {
  const found: Product[] = []
  let cursor: string | undefined
  let offset = 0
  for (;;) {
    // Who does not keep the products sees those that are on sale.
    const page = may('shop:write')
      ? await api.get('/api/v1/admin/products', { query: { limit: 100, cursor } }, { signal })
      : await api.get('/api/v1/products', { query: { limit: 100, offset } }, { signal })
    found.push(...page.products)
    offset = found.length
    cursor = 'next_cursor' in page.page_info ? (page.page_info.next_cursor ?? undefined) : undefined
    if (!page.page_info.has_more) break
  }
  products.value = found
  return found
}

export function productName(id: number): string {
  const product = products.value?.find(({ product_id }) => product_id === id)
  return product ? nameOf(product) : `#${id}`
}

/** What members are called, as far as it was asked for. */
const nicknames = shallowReactive(new Map<number, string>())
const asked = new Set<number>()

/** The lists of the shop name members by number; whoever may see members sees what they are called. */
export function learnNicknames(ids: (number | null)[]) {
  if (!may('member:read')) return
  for (const user_id of new Set(ids)) {
    if (user_id === null || asked.has(user_id)) continue
    asked.add(user_id)
    api.get('/api/v1/admin/members/{user_id}', { path: { user_id } }).then(
      (member) => nicknames.set(user_id, member.nickname || String(user_id)),
      // Then the number stays, and the next list asks again.
      () => asked.delete(user_id),
    )
  }
}

export function nicknameOf(user_id: number): string {
  return nicknames.get(user_id) ?? `#${user_id}`
}

/** Rounds, as far as they were asked for: a list of orders knows their numbers only. */
const rounds = shallowReactive(new Map<number, Round>())
const askedRounds = new Set<number>()

export function learnRounds(ids: (number | null)[]) {
  for (const round_id of new Set(ids)) {
    if (round_id === null || askedRounds.has(round_id)) continue
    askedRounds.add(round_id)
    api.get('/api/v1/rounds/{round_id}', { path: { round_id } }).then(
      (round) => rounds.set(round_id, round),
      () => askedRounds.delete(round_id),
    )
  }
}

export function roundName(round_id: number): string {
  const round = rounds.get(round_id)
  return round ? texts.value.roundOf(round.number, productName(round.product_id)) : `${texts.value.rounds} #${round_id}`
}

const WAY: Record<string, number> = { pending: 0, preparing: 1, ready: 2, shipped: 2, completed: 3 }

/** The steps that bring an order on, the next one first. */
export function stepsOf({ status, fulfillment_status, address }: ShopOrder): Step[] {
  const now = WAY[fulfillment_status]
  if (status !== 'paid' || now === undefined) return []
  const way: Step[] = ['preparing', address ? 'shipped' : 'ready', 'completed']
  return way.filter((step) => WAY[step]! > now)
}

/** Computes the winner again, as docs/draw.md says; nothing where the browser does not let us. */
export async function verify(proof: Schemas['Proof']): Promise<boolean | undefined> {
  if (!proof.secret || !globalThis.crypto?.subtle) return undefined
  const secret = Uint8Array.from(proof.secret.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
  const shares = [...proof.shares].sort((a, b) => a.number - b.number)
  if (shares.length !== proof.total_shares || shares.some(({ number }, at) => number !== at + 1)) return false
  const lines = new TextEncoder().encode(shares.map(({ number, order_no }) => `${number}:${order_no}\n`).join(''))
  const both = new Uint8Array([...secret, ...lines])
  if ((await sha256(secret)) !== proof.commitment) return false
  const winner = Number(BigInt(`0x${await sha256(both)}`) % BigInt(proof.total_shares)) + 1
  return winner === proof.winning_number
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
