import type { Ref } from 'vue'
import { urlOf } from '@fanpiao/api'
import { base } from '@/api'
import type { Opening } from '@/logic/cabinets'
import { eventReader } from '@/logic/events'
import { session } from './session'

/** The server says every fifteen seconds that the line is alive. */
const DEAD_MS = 40_000

/**
 * A line on which the server tells how an opening goes. On the web only: a mini program cannot read an answer that goes on, and there
 * the line is never live. One that could not be opened is not tried again before it was closed.
 */
export function useLine(sessionNo: Ref<string>, heard: (opening: Opening) => void, broken: () => void) {
  let own: AbortController | undefined
  let live = false
  let failed = false

  function open(): void {
    // #ifdef H5
    if (own || failed) return
    const mine = new AbortController()
    own = mine
    const hears = (opening: Opening) => {
      if (own !== mine) return
      live = true
      heard(opening)
    }
    void listen(sessionNo.value, hears, mine).then(() => {
      if (own !== mine) return
      own = undefined
      failed = !live
      live = false
      broken()
    })
    // #endif
  }

  function close(): void {
    own?.abort()
    own = undefined
    live = failed = false
  }

  return { open, close, isLive: () => live }
}

/** Listens until the server has nothing more to tell, or the line breaks. */
async function listen(sessionNo: string, heard: (opening: Opening) => void, stop: AbortController): Promise<void> {
  const alive = () => setTimeout(() => stop.abort(), DEAD_MS)
  let timer = alive()
  try {
    const answer = await fetch(base + urlOf('/api/v1/cabinet/sessions/{session_no}/events', { path: { session_no: sessionNo } }), {
      headers: { Authorization: `Bearer ${session.token}` },
      signal: stop.signal,
      cache: 'no-store',
    })
    if (!answer.ok || !answer.body) return
    const [reader, text, read] = [answer.body.getReader(), new TextDecoder(), eventReader()]
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(timer)
      timer = alive()
      for (const data of read(text.decode(value, { stream: true }))) heard(JSON.parse(data) as Opening)
    }
  } catch {
    // A line that breaks changes nothing in the cabinet: whoever listened asks again.
  } finally {
    clearTimeout(timer)
  }
}
