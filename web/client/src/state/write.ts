import { ref, shallowRef } from 'vue'
import { attempt as send } from '@/api'
import type { Attempt, Write } from '@/logic/attempts'
import { Trouble } from '@/logic/trouble'
import { noteTrouble } from './loading'
import { attempts } from './session'

/** After this long a person wants to know that it is still going on. */
const SLOW_MS = 4_000

/**
 * One write at a time about one thing. Nothing is sent twice unless the person asks for it, and then under the same key, so that
 * it is done once.
 */
export function useWrite<T>(about: () => string, done: (answer: T, write: Write) => void) {
  const sending = ref(false)
  const slow = ref(false)
  const trouble = shallowRef<Trouble>()
  /** What a retry sends. */
  const pending = shallowRef<Attempt>()
  /** Whether one sending of it may have been done. */
  const uncertain = ref(false)

  /** Looks whether the app was left, or killed, before an answer came. */
  function resume(): void {
    if (sending.value || pending.value) return
    pending.value = attempts().open(about())
    uncertain.value = pending.value !== undefined
    trouble.value = pending.value && new Trouble('unknown', 'NO_ANSWER')
  }

  async function run(attempt: Attempt): Promise<void> {
    const waiting = attempts()
    waiting.keep(attempt)
    sending.value = true
    trouble.value = undefined
    const timer = setTimeout(() => (slow.value = true), SLOW_MS)
    try {
      const answer = await send<T>(attempt)
      waiting.settle(attempt.about)
      forget()
      done(answer, attempt.write)
    } catch (error) {
      const found = noteTrouble(error)
      if (found.fate === 'refused') forget()
      else {
        pending.value = attempt
        uncertain.value ||= found.fate === 'unknown'
      }
      if (!uncertain.value) waiting.settle(attempt.about)
      trouble.value = found
    } finally {
      clearTimeout(timer)
      slow.value = false
      sending.value = false
    }
  }

  function forget(): void {
    pending.value = undefined
    uncertain.value = false
    trouble.value = undefined
  }

  async function submit(write: Write): Promise<void> {
    if (sending.value) return
    forget()
    await run(attempts().begin(about(), write))
  }

  function retry(): void {
    if (pending.value && !sending.value) void run(pending.value)
  }

  /** The person no longer wants to know: from here on only what the server shows counts. */
  function letGo(): void {
    attempts().settle(about())
    forget()
  }

  return { sending, slow, trouble, pending, uncertain, submit, retry, resume, letGo }
}
