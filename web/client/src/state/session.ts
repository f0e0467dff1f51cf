import { reactive } from 'vue'
import type { Schemas } from '@fanpiao/api'
import { Attempts } from '@/logic/attempts'
import { keep, kept, storage } from './storage'

const KEY = 'session'

export const session = reactive<{ token: string; me: Schemas['UserInfo'] | null }>({ token: '', me: null, ...kept<{ token: string; me: Schemas['UserInfo'] }>(KEY) })

export function begin(signIn: Schemas['SignInAnswer']): void {
  session.token = signIn.token
  session.me = signIn.user_info
  keep(KEY, session)
}

export function end(): void {
  session.token = ''
  session.me = null
  storage.drop(KEY)
}

/** Names what is kept for this member only: nobody who signs in later on the same device sees it. */
export const own = (name: string) => `${session.me?.user_id ?? 0}:${name}`

export const attempts = () => new Attempts(storage, own('attempt:'), Date.now)
