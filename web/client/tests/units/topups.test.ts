import { describe, expect, test } from 'vitest'
import { amountsOf, nextLook, payFace, stillGood, timeLeft, wayOf, type PayableTopup, type Topup } from '@/logic/topups'

const NOW = Date.parse('2026-03-02T03:00:00Z')
const topup = (part: Partial<Topup> = {}): Topup => ({
  order_no: 'RECH1',
  user_id: 1,
  amount_cents: 5000,
  client: 'native',
  status: 'pending',
  expires_at: '2026-03-02T03:30:00Z',
  paid_at: null,
  transaction_id: null,
  refunded_cents: 0,
  failure: null,
  created_at: '2026-03-02T03:00:00Z',
  updated_at: '2026-03-02T03:00:00Z',
  ...part,
})

describe('amounts', () => {
  test('round ones within the limits', () => {
    expect(amountsOf({ min_cents: 100, max_cents: 500_000 })).toEqual([2_000, 5_000, 10_000, 20_000, 50_000, 100_000])
    expect(amountsOf({ min_cents: 5_000, max_cents: 20_000 })).toEqual([5_000, 10_000, 20_000])
  })
  test('the limits themselves where none is', () => {
    expect(amountsOf({ min_cents: 100, max_cents: 900 })).toEqual([100, 900])
    expect(amountsOf({ min_cents: 700, max_cents: 700 })).toEqual([700])
  })
})

describe('what is told of a top-up', () => {
  test.each(['paid', 'expired', 'failed', 'refunding', 'refunded'] as const)('%s is what the server says', (status) => {
    expect(payFace(topup({ status }), NOW + 9e6, true, 0)).toBe(status)
    expect(nextLook(status, 0)).toBeUndefined()
  })
  test('waiting, then asked about, then taking longer, then ending', () => {
    expect(payFace(topup(), NOW, false, 0)).toBe('to_pay')
    const faces = [0, 1, 2, 3, 4, 5].map((looks) => payFace(topup(), NOW, true, looks))
    expect(faces).toEqual(['checking', 'checking', 'checking', 'checking', 'longer', 'longer'])
    expect(payFace(topup(), NOW + 30 * 60_000, true, 9)).toBe('ending')
    expect(payFace(topup(), NOW + 30 * 60_000, false, 0)).toBe('ending')
  })
  test('WeChat is asked at once by who comes back, and ever less often', () => {
    const looks = [0, 1, 2, 3].map((at) => nextLook('checking', at)!)
    expect(looks[0]).toEqual({ after: 0, asks: true })
    for (let at = 1; at < 4; at++) expect(looks[at]!.after).toBeGreaterThan(looks[at - 1]!.after)
    expect(nextLook('longer', 4)!.after).toBeGreaterThan(looks[3]!.after)
  })
  test('who only waits asks our server, and WeChat now and then', () => {
    const asks = Array.from({ length: 10 }, (_, at) => nextLook('to_pay', at)!.asks)
    expect(asks.filter(Boolean).length).toBe(2)
    expect(nextLook('ending', 0)).toEqual({ after: 0, asks: true })
  })
})

describe('how it is paid', () => {
  const answer = (part: Partial<PayableTopup>) => ({ ...topup(), ...part }) as PayableTopup
  test('an address of WeChat’s grows old, a code does not', () => {
    const h5 = wayOf(answer({ h5_url: 'https://pay.test/1' }), NOW)
    expect(stillGood(h5, NOW + 60_000)).toBe(h5)
    expect(stillGood(h5, NOW + 5 * 60_000)).toBeUndefined()
    const code = wayOf(answer({ code_url: 'weixin://1' }), NOW)
    expect(stillGood(code, NOW + 20 * 60_000)).toBe(code)
  })
  test('what is paid already has no way', () => expect(wayOf(answer({ status: 'paid' }), NOW)).toBeUndefined())
  test.each([
    [NOW, '30:00'],
    [NOW + 1, '30:00'],
    [NOW + 29 * 60_000 + 51_000, '0:09'],
    [NOW + 31 * 60_000, '0:00'],
  ])('what is left at %d is %s', (now, text) => expect(timeLeft(topup().expires_at, now)).toBe(text))
})
