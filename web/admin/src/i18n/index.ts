// What people read, in two languages. A text is a field of an object: a missing or misspelt one does not compile.

import { computed, type ComputedRef, ref, shallowRef, watchEffect } from 'vue'

import type { zh } from './zh'

export type Language = 'zh' | 'en'
export type Texts = typeof zh

/** Nobody reads both at once: only the one in use is fetched. */
const texts: Record<Language, () => Promise<Texts>> = {
  zh: async () => (await import('./zh')).zh,
  en: async () => (await import('./en')).en,
}

const KEY = 'fanpiao.language'
const chosen = localStorage.getItem(KEY)

export const language = ref<Language>(chosen === 'en' || chosen === 'zh' ? chosen : preferred(navigator.languages))
export const t = shallowRef<Texts>(await texts[language.value]())

watchEffect(() => {
  document.documentElement.lang = language.value === 'zh' ? 'zh-CN' : 'en'
})

export async function choose(other: Language) {
  t.value = await texts[other]()
  language.value = other
  localStorage.setItem(KEY, other)
}

/** The texts of pages that are fetched when they are opened: kept beside them, so that nobody waits for these at the start. */
export function inBoth<T>(both: { zh: T; en: T }): ComputedRef<T> {
  return computed(() => both[language.value])
}

/** English where it comes before Chinese among what the browser asks for; otherwise Chinese. */
export function preferred(languages: readonly string[]): Language {
  const first = languages.find((name) => /^(zh|en)\b/i.test(name))
  return first && /^en\b/i.test(first) ? 'en' : 'zh'
}
