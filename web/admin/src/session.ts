// Who is signed in. The token outlives a reload; who it belongs to is asked anew each time.

import { computed, ref } from 'vue'

import type { Schemas } from '@fanpiao/api'

import { letGo } from '@/lib/unsaved'

const KEY = 'fanpiao.token'

export type Permission = Schemas['Permission']

export const token = ref(localStorage.getItem(KEY) ?? undefined)
export const me = ref<Schemas['UserInfo']>()
/** The server no longer knows the token; what is on the screen stays until its owner has signed in again. */
export const expired = ref(false)

export const zone = computed(() => me.value?.time_zone ?? 'Asia/Shanghai')

export function may(permission: Permission): boolean {
  return me.value?.permissions.includes(permission) ?? false
}

export function enter(newToken: string, who: Schemas['UserInfo']) {
  // Somebody else must not find what the one before had open.
  const isOther = me.value !== undefined && me.value.user_id !== who.user_id
  localStorage.setItem(KEY, newToken)
  token.value = newToken
  me.value = who
  expired.value = false
  if (!isOther) return
  letGo()
  location.assign(import.meta.env.BASE_URL)
}

export function expire() {
  expired.value = true
}

/** Another tab may have signed in or out. */
addEventListener('storage', (event) => {
  if (event.key !== KEY) return
  token.value = event.newValue ?? undefined
  if (event.newValue) expired.value = false
  else leave()
})

export function leave() {
  localStorage.removeItem(KEY)
  location.assign(import.meta.env.BASE_URL)
}
