import { ref, shallowRef } from 'vue'

import { ApiError } from '@/api'

/** Letters and digits that no other request has. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * One thing that a person wants done. While its outcome is not known, asking for the same again is sent under the same key, and
 * so is never done twice; after an answer, or for anything else, there is a new one.
 */
export function useWrite<A, R>(send: (asked: A, options: { key: string }) => Promise<R>) {
  const busy = ref(false)
  const failure = shallowRef<ApiError>()
  let kept: { asked: string; key: string } | undefined

  async function run(asked: A): Promise<{ data: R } | undefined> {
    if (busy.value) return undefined
    busy.value = true
    failure.value = undefined
    const text = JSON.stringify(asked)
    if (kept?.asked !== text) kept = { asked: text, key: newKey() }
    try {
      const data = await send(asked, { key: kept.key })
      kept = undefined
      return { data }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      failure.value = error
      if (!error.isUnknown) kept = undefined
      return undefined
    } finally {
      busy.value = false
    }
  }

  /** What the server says is wrong with a field. */
  function problem(field: string): string | undefined {
    return failure.value?.fields.find((wrong) => wrong.field === field)?.problem
  }

  function forget() {
    failure.value = undefined
  }

  return { busy, failure, run, problem, forget }
}
