import { ref, watchEffect } from 'vue'

const KEY = 'fanpiao.theme'

/** Whether the screen is dark; public/theme.js has set it before the first paint. */
export const dark = ref(document.documentElement.classList.contains('dark'))

watchEffect(() => document.documentElement.classList.toggle('dark', dark.value))

export function toggleDark() {
  dark.value = !dark.value
  localStorage.setItem(KEY, dark.value ? 'dark' : 'light')
}
