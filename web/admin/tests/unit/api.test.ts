import { createApi, type Request, urlOf } from '@fanpiao/api'
import { expect, test } from 'vitest'

import { fileName } from '@/api'

const setting = { token: () => 'secret', language: () => 'zh' as const, noAnswer: () => '没有回答' }

function answering(status: number, body: unknown) {
  const asked: Request[] = []
  const api = createApi((request) => (asked.push(request), Promise.resolve({ status, body })), setting)
  return { api, asked }
}

test('a call says who asks, in which language and under which key', async () => {
  const { api, asked } = answering(200, { success: true, data: { meal_id: 7 } })
  const data = await api.post('/api/v1/meals/{meal_id}/cancel', { path: { meal_id: 7 }, query: { dry_run: true }, body: { reason: '停电' } }, { key: 'k1' })
  expect(data.meal_id).toBe(7)
  expect(asked).toEqual([
    {
      method: 'POST',
      url: '/api/v1/meals/7/cancel?dry_run=true',
      headers: { 'Accept-Language': 'zh', Authorization: 'Bearer secret', 'Idempotency-Key': 'k1', 'Content-Type': 'application/json' },
      body: { reason: '停电' },
    },
  ])
})

test('what is absent is left out of the address, what is strange is escaped', () => {
  expect(urlOf('/a/{b}', { path: { b: 'x/y z' }, query: { none: undefined, nothing: null, empty: '', zero: 0, text: '张&=' } })).toBe(
    '/a/x%2Fy%20z?zero=0&text=%E5%BC%A0%26%3D',
  )
})

test('a refusal keeps its code, its fields and its id', async () => {
  const { api } = answering(422, {
    success: false,
    message: '请求有误',
    error_code: 'VALIDATION_ERROR',
    details: { fields: [{ field: 'capacity', problem: '须为 0 到 100000' }] },
    request_id: 'r-1',
  })
  const error = await api.get('/api/v1/auth/me').catch((error: unknown) => error)
  expect(error).toMatchObject({ status: 422, code: 'VALIDATION_ERROR', message: '请求有误', requestId: 'r-1', isUnknown: false })
  expect((error as { fields: unknown }).fields).toEqual([{ field: 'capacity', problem: '须为 0 到 100000' }])
})

test('no answer, and an answer of somebody in between, are of unknown outcome', async () => {
  const lost = createApi(() => Promise.reject(new TypeError('network')), setting)
  expect(await lost.get('/api/v1/auth/me').catch((error: unknown) => error)).toMatchObject({ code: 'NO_ANSWER', message: '没有回答', isUnknown: true })
  const { api } = answering(504, undefined)
  expect(await api.get('/api/v1/auth/me').catch((error: unknown) => error)).toMatchObject({ status: 504, isUnknown: true })
})

test.each([
  ["attachment; filename=\"orders.xlsx\"; filename*=UTF-8''%E8%AE%A2%E5%8D%95.xlsx", '订单.xlsx'],
  ['attachment; filename="orders.xlsx"', 'orders.xlsx'],
  ['', 'fanpiao.xlsx'],
])('the file of %j is called %s', (disposition, name) => {
  expect(fileName(disposition)).toBe(name)
})
