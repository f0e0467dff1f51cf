import { createApi, type Request, type Schemas } from '@fanpiao/api'
import type { Attempt, Write } from '@/logic/attempts'
import { network } from '@/state/network'
import { session } from '@/state/session'
import { language } from '@/state/settings'

/** Longer than the server lets any request take. */
const PATIENCE_MS = 35_000

export const base = import.meta.env.VITE_API_BASE ?? ''

/** One request, once: nothing here tries again by itself. */
function transport({ method, url, headers, body }: Request): Promise<{ status: number; body: unknown }> {
  if (!network.online) return Promise.resolve({ status: 0, body: { error_code: 'OFFLINE', message: '' } })
  return new Promise((resolve, reject) =>
    uni.request({
      url: base + url,
      method: method as UniApp.RequestOptions['method'],
      header: headers,
      data: body === undefined ? undefined : JSON.stringify(body),
      timeout: PATIENCE_MS,
      success: ({ statusCode, data }) => resolve({ status: statusCode, body: data }),
      fail: reject,
    }),
  )
}

export const api = createApi(transport, { token: () => session.token, language: () => language.value, noAnswer: () => '' })

/** What is sent again comes from the shelf as it was sent before: nobody can check its types any more. */
type Unchecked = (path: string, asked: { body?: unknown }, options: { key: string }) => Promise<unknown>

export function attempt<T>({ write, key }: Attempt): Promise<T> {
  const verb = { POST: api.post, PUT: api.put, DELETE: api.delete }[write.method] as Unchecked
  return verb(write.path, write.body === undefined ? {} : { body: write.body }, { key }) as Promise<T>
}

export type { Schemas, Write }
export type Meal = Schemas['MealAnswer']
export type Order = Schemas['OrderAnswer']
export type Slot = Schemas['Slot']
export type OrderStatus = Schemas['OrderStatus']
