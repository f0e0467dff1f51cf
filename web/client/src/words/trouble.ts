import type { Trouble } from '@/logic/trouble'
import { words } from './index'

export interface Told {
  title: string
  text: string
  /** Leads to the failure in the server's log. */
  request: string
}

/** What happened to a write, and whether anything was charged; `uncertain` where an earlier sending of it may have worked. */
export function tellWrite(trouble: Trouble, uncertain: boolean): Told {
  const w = words.value.trouble
  const request = trouble.fate === 'refused' || !trouble.requestId ? '' : w.request(trouble.requestId)
  const title = trouble.code === 'OFFLINE' ? w.offline : trouble.code === 'NO_ANSWER' ? w.noAnswer : trouble.said || w.server
  if (uncertain) return { title, text: w.noAnswerWrite, request }
  if (trouble.code === 'OFFLINE') return { title, text: w.offlineWrite, request }
  return { title: inDetail(trouble), text: w.nothingCharged, request }
}

/** Why something could not be shown. */
export function tellRead(trouble: Trouble): Told {
  const w = words.value.trouble
  const request = trouble.requestId ? w.request(trouble.requestId) : ''
  if (trouble.code === 'OFFLINE') return { title: w.offline, text: w.offlineRead, request }
  if (trouble.code === 'NO_ANSWER') return { title: w.noAnswer, text: w.noAnswerRead, request }
  return { title: w.load, text: trouble.said, request }
}

function inDetail(trouble: Trouble): string {
  const fields = trouble.fields.map(({ problem }) => problem)
  return fields.length && trouble.code === 'VALIDATION_ERROR' ? `${trouble.said} ${fields.join('; ')}` : trouble.said
}
