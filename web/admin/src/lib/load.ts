import { onScopeDispose, ref, shallowRef } from 'vue'

import { ApiError } from '@/api'

/** Something read from the server. While it is read again, what was there stays; only the newest reading counts. */
export function useLoad<A extends unknown[], T>(read: (signal: AbortSignal, ...asked: A) => Promise<T>) {
  const data = shallowRef<T>()
  const loading = ref(false)
  const failure = shallowRef<ApiError>()
  let running: AbortController | undefined
  let last: A | undefined

  async function load(...asked: A): Promise<void> {
    running?.abort()
    const own = new AbortController()
    running = own
    last = asked
    loading.value = true
    try {
      const read_ = await read(own.signal, ...asked)
      if (own.signal.aborted) return
      data.value = read_
      failure.value = undefined
    } catch (error) {
      if (own.signal.aborted) return
      if (!(error instanceof ApiError)) throw error
      failure.value = error
    } finally {
      if (running === own) loading.value = false
    }
  }

  async function again(): Promise<void> {
    if (last) await load(...last)
  }

  /** What is on its way is not wanted any more. */
  function stop() {
    running?.abort()
    loading.value = false
  }

  /** Neither is what was read, or why it could not be. */
  function forget() {
    stop()
    data.value = undefined
    failure.value = undefined
  }

  onScopeDispose(() => running?.abort())
  return { data, loading, failure, load, again, stop, forget }
}
