import { reactive } from 'vue'

/** One short good news at a time. What went wrong is never a toast: it stays until the person has dealt with it. */
export const toast = reactive({ text: '' })
let timer: ReturnType<typeof setTimeout> | undefined

export function say(text: string): void {
  clearTimeout(timer)
  toast.text = text
  timer = setTimeout(() => (toast.text = ''), 2600)
}
