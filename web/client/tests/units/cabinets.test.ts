import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { effectScope, ref, type EffectScope } from 'vue'
import { canChoose, deviceOf, isByScore, isCollecting, isOver, obstacleOf, openingFace, pauseAfter, qrOf, stepOf, wayFor, type Opening, type Scanned } from '@/logic/cabinets'
import { grouped } from '@/logic/money'
import { en } from '@/words/en'
import { zh } from '@/words/zh'

const shelf = new Map<string, string>()
const asked: { url: string; success(answer: { statusCode: number; data: unknown }): void; fail(): void }[] = []
vi.stubGlobal('uni', {
  getStorageSync: (name: string) => shelf.get(name) ?? '',
  setStorageSync: (name: string, text: string) => shelf.set(name, text),
  removeStorageSync: (name: string) => shelf.delete(name),
  getStorageInfoSync: () => ({ keys: [...shelf.keys()] }),
  request: (request: (typeof asked)[number]) => asked.push(request),
  navigateTo: () => undefined,
})
const { openingKept, useOpening } = await import('@/state/opening')
const { begin } = await import('@/state/session')
const { network } = await import('@/state/network')

const ALL: Opening['status'][] = ['opening', 'opened', 'closed', 'settled', 'held', 'failed', 'timed_out', 'released']
const opening = (status: Opening['status'], part: Partial<Opening> = {}): Opening => ({
  session_no: 'DOOR1',
  status,
  device_code: 'A-1',
  payment_type: 'ticket',
  failure: null,
  opened_at: null,
  closed_at: null,
  order: null,
  created_at: '',
  updated_at: '',
  ...part,
})
const order = (payment_status: 'paid' | 'unpaid') => ({ payment_status, payment_type: 'ticket' }) as NonNullable<Opening['order']>
/** One that WeChat was to collect. */
const scored = (payment_status: 'paid' | 'unpaid' | 'withdrawn', unpaid_reason: 'pay_score_collecting' | 'pay_score_ended' | null = null) =>
  ({ payment_status, payment_type: 'wechat', unpaid_reason }) as NonNullable<Opening['order']>
const collecting = scored('unpaid', 'pay_score_collecting')
const ended = scored('unpaid', 'pay_score_ended')

describe('a cabinet’s code', () => {
  test.each([
    ['fanpiao:cabinet:NS01-A', 'NS01-A'],
    [' NS01-A ', 'NS01-A'],
    ['', ''],
    ['fanpiao:cabinet:', ''],
  ])('of %j is %j', (text, device) => expect(deviceOf(text)).toBe(device))
  test('and its text again', () => expect(qrOf(deviceOf('fanpiao:cabinet:一号柜'))).toBe('fanpiao:cabinet:一号柜'))
})

describe('the way to pay', () => {
  const scanned = (tickets: number, ...pay_with: Scanned['pay_with']) => ({ pay_with, tickets, tickets_needed: 2_500 }) as Scanned
  const rich = scanned(2_500, 'ticket', 'wechat')
  const poor = scanned(2_499, 'wechat')
  const plain = scanned(0, 'ticket')

  test.each([
    ['ticket', rich, undefined, undefined],
    ['ticket', poor, 'given', 'few_tickets'],
    ['ticket', plain, undefined, 'few_tickets'],
    ['wechat', plain, undefined, 'not_offered'],
    ['wechat', rich, undefined, undefined],
    ['wechat', rich, 'given', undefined],
    ['wechat', rich, 'missing', 'not_allowed'],
    ['wechat', rich, 'never', 'no_wechat'],
  ] as const)('%s: %o, %s: %s', (way, found, allowance, obstacle) => expect(obstacleOf(way, found, allowance)).toBe(obstacle))

  test('what only has to be allowed can be chosen, and every obstacle has its words', () => {
    const all = ['few_tickets', 'not_offered', 'not_allowed', 'no_wechat'] as const
    expect(all.filter(canChoose)).toEqual(['not_allowed'])
    for (const { cabinet } of [zh, en]) expect(all.map((one) => cabinet.obstacles[one](1, 2)).every(Boolean)).toBe(true)
  })

  test.each([
    [rich, undefined, undefined, 'ticket'],
    [rich, 'wechat', undefined, 'wechat'],
    [rich, 'wechat', 'missing', 'wechat'],
    [rich, 'wechat', 'never', 'ticket'],
    [poor, undefined, undefined, 'wechat'],
    [poor, 'ticket', 'missing', 'wechat'],
    [plain, 'wechat', undefined, 'ticket'],
  ] as const)('as it was chosen last, where that can be had: %o, %s, %s: %s', (found, wanted, allowance, way) => expect(wayFor(found, wanted, allowance)).toBe(way))
})

describe('what is told of an opening', () => {
  test('every state has its words in both languages', () => {
    for (const status of ALL) {
      for (const looks of [0, 99]) {
        const face = openingFace(opening(status), looks)
        expect([zh.cabinet.faces[face].title, en.cabinet.faces[face].title].every(Boolean)).toBe(true)
      }
    }
  })
  test('a settled one is told by what came of it', () => {
    expect(openingFace(opening('settled'), 0)).toBe('nothing')
    expect(openingFace(opening('settled', { order: order('paid') }), 99)).toBe('paid')
    expect(openingFace(opening('settled', { order: order('unpaid') }), 99)).toBe('unpaid')
  })
  test('by pay score it is told what WeChat does, and each has its words', () => {
    const by = (part: Partial<Opening>, looks: number) => openingFace(opening('settled', { payment_type: 'wechat', ...part }), looks)
    const faces = [
      by({ status: 'opening' }, 0),
      by({ status: 'opening' }, 99),
      by({ status: 'failed', failure: 'pay_score_refused' }, 0),
      by({ status: 'failed', failure: 'offline' }, 0),
      by({ order: collecting }, 0),
      by({ order: collecting }, 99),
      by({ order: scored('paid') }, 99),
      by({ order: ended }, 99),
      by({ order: scored('withdrawn') }, 0),
      by({ order: null }, 0),
    ]
    expect(faces).toEqual(['asking', 'asking_slow', 'refused', 'failed', 'collecting', 'collecting_slow', 'collected', 'uncollected', 'withdrawn', 'nothing'])
    for (const face of faces) expect([zh.cabinet.faces[face].title, en.cabinet.faces[face].title].every(Boolean)).toBe(true)
  })
  test('what WeChat could not collect is paid in tickets, also once it was', () => {
    expect([collecting, scored('paid'), ended, order('paid')].map(isByScore)).toEqual([true, true, false, false])
    expect([collecting, scored('paid'), ended, order('paid')].map(isCollecting)).toEqual([true, false, false, false])
  })
  test('as long as WeChat collects it is looked at, and the last step goes on', () => {
    expect(pauseAfter(opening('settled', { order: collecting }), 0)).toBe(1_000)
    expect(pauseAfter(opening('settled', { order: collecting }), 99)).toBe(15_000)
    expect([scored('paid'), ended].map((one) => pauseAfter(opening('settled', { order: one }), 0))).toEqual([undefined, undefined])
    expect([collecting, ended].map((one) => stepOf(opening('settled', { order: one })))).toEqual([3, undefined])
  })
  test('only what should be quick takes longer', () => {
    expect(ALL.filter((status) => openingFace(opening(status), 99) !== openingFace(opening(status), 0))).toEqual(['opening', 'closed'])
  })
  test('the steps go one way', () => {
    expect(ALL.map((status) => stepOf(opening(status)))).toEqual([0, 1, 3, undefined, 3, undefined, undefined, undefined])
    expect(ALL.filter((status) => isOver(opening(status)))).toEqual(['settled', 'failed', 'timed_out', 'released'])
  })
  test('it is looked at ever less often, until nothing can change any more', () => {
    for (const status of ALL.filter((one) => one !== 'settled' && one !== 'released')) {
      const pauses = Array.from({ length: 12 }, (_, looks) => pauseAfter(opening(status), looks)!)
      expect(pauses[0]).toBe(1_000)
      for (let at = 1; at < 12; at++) expect(pauses[at]).toBeGreaterThanOrEqual(pauses[at - 1]!)
      expect(pauses[11]).toBeLessThanOrEqual(15_000)
    }
    expect([pauseAfter(opening('settled'), 0), pauseAfter(opening('released'), 0)]).toEqual([undefined, undefined])
  })
  test('tickets are counted in thousands', () => expect([grouped(0), grouped(999), grouped(20_000), grouped(1_234_567)]).toEqual(['0', '999', '20,000', '1,234,567']))
})

describe('following an opening', () => {
  let page: EffectScope
  const follow = () => page.run(() => useOpening(ref('DOOR1')))!
  beforeEach(() => {
    page = effectScope()
    vi.useFakeTimers()
    shelf.clear()
    asked.length = 0
    network.online = true
    vi.stubGlobal('fetch', () => Promise.reject(new Error('no line')))
    begin({ token: 't', expires_in: 1, user_info: { user_id: 9 } } as never)
  })
  afterEach(() => {
    page.stop()
    vi.useRealTimers()
  })

  async function answer(status: Opening['status'] | undefined, part?: Partial<Opening>) {
    const last = asked[asked.length - 1]!
    if (status) last.success({ statusCode: 200, data: { success: true, data: opening(status, part) } })
    else last.fail()
    await vi.advanceTimersByTimeAsync(0)
  }

  test('it is looked at by itself, kept until its end was seen, and then no more', async () => {
    const { face, show } = follow()
    show()
    await answer('opening')
    expect([face.value, openingKept(), asked.length]).toEqual(['opening', 'DOOR1', 1])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(asked.length).toBe(2)
    await answer('settled', { order: order('paid') })
    expect([face.value, openingKept()]).toEqual(['paid', undefined])
    await vi.advanceTimersByTimeAsync(600_000)
    expect(asked.length).toBe(2)
  })

  test('a look that fails changes nothing, and the next one follows', async () => {
    const { opening: found, trouble, show } = follow()
    show()
    await answer('opened')
    await vi.advanceTimersByTimeAsync(1_000)
    await answer(undefined)
    expect([found.value?.status, trouble.value?.code]).toEqual(['opened', 'NO_ANSWER'])
    await vi.advanceTimersByTimeAsync(5_000)
    expect(asked.length).toBe(3)
    await answer('closed')
    expect([found.value?.status, trouble.value]).toEqual(['closed', undefined])
  })

  test('where nothing is known yet the person decides', async () => {
    const { trouble, look, show } = follow()
    show()
    await answer(undefined)
    await vi.advanceTimersByTimeAsync(600_000)
    expect([asked.length, trouble.value?.code]).toEqual([1, 'NO_ANSWER'])
    void look()
    expect(asked.length).toBe(2)
  })

  test('nobody looks while it is not shown, and an answer that comes then is not heard', async () => {
    const { opening: found, show, hide } = follow()
    show()
    await answer('opening')
    await vi.advanceTimersByTimeAsync(1_000)
    hide()
    await answer('opened')
    await vi.advanceTimersByTimeAsync(600_000)
    expect([found.value?.status, asked.length]).toEqual(['opening', 2])
    show()
    await answer('opened')
    expect(found.value?.status).toBe('opened')
  })

  /** A line on which the test says what the server would. */
  function lineOf() {
    let say: ReadableStreamDefaultController<Uint8Array>
    const body = new ReadableStream<Uint8Array>({ start: (end) => void (say = end) })
    vi.stubGlobal('fetch', (_: string, { signal }: { signal: AbortSignal }) => {
      signal.addEventListener('abort', () => say.error(signal.reason))
      return Promise.resolve(new Response(body))
    })
    const bytes = new TextEncoder()
    return {
      tell: async (status: Opening['status']) => {
        say.enqueue(bytes.encode(`id: 1\nevent: session\ndata: ${JSON.stringify(opening(status))}\n\n`))
        await vi.advanceTimersByTimeAsync(0)
      },
      alive: async () => {
        say.enqueue(bytes.encode(':\n\n'))
        await vi.advanceTimersByTimeAsync(0)
      },
      hangUp: async () => {
        say.close()
        await vi.advanceTimersByTimeAsync(0)
      },
    }
  }

  test('whoever is told does not ask, and knows when nothing was told for long', async () => {
    const line = lineOf()
    const { opening: found, face, show } = follow()
    show()
    await answer('opening')
    await line.tell('opened')
    await line.tell('closed')
    for (let at = 0; at < 4; at++) {
      await vi.advanceTimersByTimeAsync(15_000)
      await line.alive()
    }
    expect([found.value?.status, face.value, asked.length]).toEqual(['closed', 'closed_slow', 1])
    await line.tell('settled')
    expect([face.value, openingKept()]).toEqual(['nothing', undefined])
    await line.hangUp()
    await vi.advanceTimersByTimeAsync(600_000)
    expect(asked.length).toBe(1)
  })

  test('a line that breaks, or says nothing any more, is made up for by asking, and had again', async () => {
    for (const breaks of ['hangs up', 'is dead']) {
      asked.length = 0
      const line = lineOf()
      const { show, hide } = follow()
      show()
      await answer('opening')
      await line.tell('opened')
      if (breaks === 'hangs up') await line.hangUp()
      else await vi.advanceTimersByTimeAsync(40_000)
      await vi.advanceTimersByTimeAsync(5_000)
      expect([breaks, asked.length]).toEqual([breaks, 2])
      const next = lineOf()
      await answer('opened')
      await next.tell('closed')
      await vi.advanceTimersByTimeAsync(30_000)
      expect([breaks, asked.length]).toEqual([breaks, 2])
      hide()
    }
  })

  test('where there is no line it is asked, and the line not tried again', async () => {
    let tries = 0
    vi.stubGlobal('fetch', () => Promise.resolve(new Response('', { status: ++tries && 503 })))
    const { show } = follow()
    show()
    await answer('opening')
    await vi.advanceTimersByTimeAsync(1_000)
    await answer('opened')
    await vi.advanceTimersByTimeAsync(1_000)
    expect([tries, asked.length]).toEqual([1, 3])
  })

  test('back on the network it looks at once', async () => {
    const { show } = follow()
    show()
    await answer('opened')
    network.online = false
    await vi.advanceTimersByTimeAsync(30_000)
    expect(asked.length).toBe(1)
    network.online = true
    await vi.advanceTimersByTimeAsync(0)
    expect(asked.length).toBe(2)
  })
})
