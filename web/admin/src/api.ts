// The console's way to the server.

import { type Api, type Request, createApi } from '@fanpiao/api'

import { language, t } from '@/i18n'
import { expire, token } from '@/session'

export { ApiError, type Schemas } from '@fanpiao/api'

async function send(request: Request): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(request.url, {
    method: request.method,
    headers: request.headers,
    body: request.body === undefined ? undefined : JSON.stringify(request.body),
    signal: request.signal,
    cache: 'no-store',
  })
  const body: unknown = await answer.json().catch(() => undefined)
  // A wrong password is no lost session: then nothing was sent to lose.
  if (answer.status === 401 && request.headers.Authorization === `Bearer ${token.value}`) expire()
  return { status: answer.status, body }
}

export const api: Api = createApi(send, {
  token: () => token.value,
  language: () => language.value,
  noAnswer: () => t.value.errors.noAnswer,
})

/** Fetches a file with the session's token and hands it to the browser under the name that the server gave it. */
export async function download(url: string): Promise<void> {
  const answer = await fetch(url, { headers: { Authorization: `Bearer ${token.value}` } })
  if (!answer.ok) {
    if (answer.status === 401) expire()
    const body = (await answer.json().catch(() => ({}))) as { message?: string }
    throw new Error(body.message ?? t.value.errors.noAnswer)
  }
  const link = document.createElement('a')
  link.href = URL.createObjectURL(await answer.blob())
  link.download = fileName(answer.headers.get('Content-Disposition') ?? '')
  link.click()
  // The browser reads it after the click has been handled.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

/** The name in a Content-Disposition, the one in any script before the plain one. */
export function fileName(disposition: string): string {
  const any = /filename\*=UTF-8''([^;]+)/i.exec(disposition)
  if (any) return decodeURIComponent(any[1]!)
  return /filename="([^"]*)"/i.exec(disposition)?.[1] ?? 'fanpiao.xlsx'
}
