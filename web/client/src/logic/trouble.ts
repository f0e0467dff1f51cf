import { ApiError, type FieldProblem } from '@fanpiao/api'

/**
 * What became of a request that failed:
 *  - `refused`: the server decided against it, and would again. Nothing was done.
 *  - `undone`: it never got to a decision. Nothing was done, and the same request may be sent again.
 *  - `unknown`: nobody here can tell whether it was done. Only sending it again under the same key settles that.
 *  - `signed_out`: the session has ended. Nothing was done.
 */
export type Fate = 'refused' | 'undone' | 'unknown' | 'signed_out'

export class Trouble extends Error {
  constructor(
    readonly fate: Fate,
    /** The server's stable code, or one of ours: OFFLINE, NO_ANSWER, FAULT. */
    readonly code: string,
    /** The server's words for the person, if it said any. */
    readonly said = '',
    readonly fields: FieldProblem[] = [],
    readonly requestId = '',
  ) {
    super(said || code)
  }
}

/** What says that no decision was taken. OFFLINE is ours: nothing was sent. */
const UNDONE = new Set(['OFFLINE', 'REQUEST_TIMEOUT', 'CONCURRENCY_ERROR', 'RATE_LIMITED', 'SERVICE_UNAVAILABLE', 'PROVIDER_ERROR'])

/** Anything that was thrown, as a trouble. */
export function asTrouble(error: unknown): Trouble {
  if (error instanceof Trouble) return error
  if (!(error instanceof ApiError)) return new Trouble('unknown', 'FAULT', String(error))
  const { code, status } = error as { code: string; status: number }
  const fate = code === 'INVALID_TOKEN' ? 'signed_out' : UNDONE.has(code) ? 'undone' : error.isUnknown ? 'unknown' : 'refused'
  // A proxy's page is no answer of our server's.
  return new Trouble(fate, code, code === 'NO_ANSWER' ? '' : error.message, error.fields, error.requestId || (status ? `HTTP ${status}` : ''))
}
