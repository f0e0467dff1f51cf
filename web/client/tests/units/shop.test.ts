import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { checkDraw, type Proof } from '@/logic/draw'
import { hex, sha256, unhex } from '@/logic/sha256'
import { goesBackTo, leftUntil, mayCancel, mostOf, numbersText, progressOf, roundFace, type Round, type ShopOrder } from '@/logic/shop'

describe('SHA-256', () => {
  test.each([0, 1, 3, 55, 56, 63, 64, 65, 119, 120, 1000, 100_000])('of %d bytes is what everybody else says', (length) => {
    const bytes = Array.from({ length }, (_, at) => (at * 31 + length) & 255)
    expect(hex(sha256(bytes))).toBe(createHash('sha256').update(Buffer.from(bytes)).digest('hex'))
  })
  test('hexadecimal there and back', () => expect(hex(unhex('00ff10a9'))).toBe('00ff10a9'))
})

/** A draw as the house makes it, with somebody else's SHA-256 and big numbers. */
function drawn(total: number, secret = 'ab'.repeat(32)): Proof {
  const shares = Array.from({ length: total }, (_, at) => ({ number: at + 1, order_no: `SHOP${Math.floor(at / 3)}` }))
  const sha = (...parts: (Buffer | string)[]) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex')
  const bytes = Buffer.from(secret, 'hex')
  const winning_number = Number(BigInt(`0x${sha(bytes, shares.map(({ number, order_no }) => `${number}:${order_no}\n`).join(''))}`) % BigInt(total)) + 1
  return { round_id: 1, status: 'drawn', total_shares: total, commitment: sha(bytes), secret, winning_number, winning_order_no: shares[winning_number - 1]!.order_no, shares }
}

describe('checking a draw', () => {
  test.each([1, 2, 7, 100, 9_973, 10_000])('of %d shares', (total) => {
    const proof = drawn(total)
    expect(checkDraw(proof)).toEqual({ commitment: true, shares: true, winner: true, number: proof.winning_number, orderNo: proof.winning_order_no })
    expect(checkDraw({ ...proof, shares: [...proof.shares].reverse() }).winner).toBe(true)
  })
  test('another secret than was promised', () => {
    const proof = { ...drawn(100), secret: 'cd'.repeat(32) }
    expect(checkDraw(proof).commitment).toBe(false)
    expect(checkDraw({ ...drawn(100), secret: '' }).commitment).toBe(false)
  })
  test('another promise than was seen before', () => {
    const proof = drawn(100)
    expect(checkDraw(proof, proof.commitment).commitment).toBe(true)
    expect(checkDraw(proof, 'ef'.repeat(32)).commitment).toBe(false)
  })
  test('a share that is missing, there twice, or somebody else’s', () => {
    const proof = drawn(100)
    expect(checkDraw({ ...proof, shares: proof.shares.slice(1) }).shares).toBe(false)
    expect(checkDraw({ ...proof, shares: [...proof.shares.slice(1), proof.shares[5]!] }).shares).toBe(false)
    const other = proof.shares.map((share) => (share.number === 50 ? { ...share, order_no: 'SHOPX' } : share))
    expect(checkDraw({ ...proof, shares: other }).number).not.toBe(undefined)
    expect(checkDraw({ ...proof, winning_order_no: 'SHOPX' }).winner).toBe(false)
  })
  test('another winner than comes out', () => {
    const proof = drawn(100)
    expect(checkDraw({ ...proof, winning_number: (proof.winning_number! % 100) + 1 }).winner).toBe(false)
  })
})

const NOW = Date.parse('2026-03-02T03:00:00Z')
const round = (part: Partial<Round> = {}): Round => ({
  round_id: 1, product_id: 2, number: 3, status: 'open', total_shares: 300, sold_shares: 299, available_shares: 1, share_price_cents: 100, limit_per_member: null,
  opens_at: '2026-03-01T00:00:00Z', closes_at: '2026-03-04T04:05:06Z', commitment: '', winning_number: null, winner_user_id: null, drawn_at: null, created_at: '', ...part,
})

describe('rounds', () => {
  test('what they look like', () => {
    expect(roundFace(round(), NOW)).toBe('open')
    expect(roundFace(round({ opens_at: '2026-03-02T03:00:01Z' }), NOW)).toBe('soon')
    expect(roundFace(round({ closes_at: '2026-03-02T03:00:00Z' }), NOW)).toBe('over')
    for (const status of ['sold_out', 'drawn', 'failed'] as const) expect(roundFace(round({ status }), NOW)).toBe(status)
  })
  test('progress is full only when all is sold', () => {
    expect(progressOf(round())).toBe(99)
    expect(progressOf(round({ sold_shares: 300 }))).toBe(100)
    expect(progressOf(round({ sold_shares: 0 }))).toBe(0)
  })
  test('counting down', () => {
    expect(leftUntil(round().closes_at, NOW)).toEqual({ days: 2, hours: 1, minutes: 5, seconds: 6 })
    expect(leftUntil(round().closes_at, Date.parse(round().closes_at) - 1)).toEqual({ days: 0, hours: 0, minutes: 0, seconds: 1 })
    expect(leftUntil(round().closes_at, Date.parse(round().closes_at) + 1)).toEqual({ days: 0, hours: 0, minutes: 0, seconds: 0 })
  })
  test('numbers in runs', () => {
    expect(numbersText([9, 3, 4, 5], ', ')).toBe('3–5, 9')
    expect(numbersText([7], ', ')).toBe('7')
    expect(numbersText([], ', ')).toBe('')
  })
})

describe('buying', () => {
  test('no more than there is, and than one may have', () => {
    expect([mostOf(5, null), mostOf(5, 3), mostOf(0, 3), mostOf(5_000, undefined)]).toEqual([5, 3, 1, 1000])
  })
  test.each<[Partial<ShopOrder>, boolean]>([
    [{ status: 'pending' }, true],
    [{ status: 'pending', round_id: 1 }, true],
    [{ status: 'paid', fulfillment_status: 'pending' }, true],
    [{ status: 'paid', fulfillment_status: 'preparing' }, false],
    [{ status: 'paid', fulfillment_status: 'not_needed', round_id: 1 }, false],
    [{ status: 'paid', fulfillment_status: 'pending', is_prize: true }, false],
    [{ status: 'completed' }, false],
    [{ status: 'expired' }, false],
  ])('whether it may be called off: %o', (part, may) => expect(mayCancel({ is_prize: false, round_id: null, fulfillment_status: 'pending', ...part } as ShopOrder)).toBe(may))
  test.each<[string, object[] | undefined, string]>([
    ['paid from the balance', undefined, 'balance'],
    ['paid from the balance after all', [{ status: 'expired', refunded_cents: 0 }], 'balance'],
    ['paid at WeChat', [{ status: 'failed', refunded_cents: 0 }, { status: 'paid', refunded_cents: 0 }], 'wechat'],
    ['gone back in part', [{ status: 'paid', refunded_cents: 100 }], 'balance'],
  ])('where the money goes back to: %s', (_, payments, to) => expect(goesBackTo({ payments } as ShopOrder)).toBe(to))
})
