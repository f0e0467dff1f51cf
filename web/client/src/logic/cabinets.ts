import type { Schemas } from '@/api'

export type Cabinet = Schemas['CabinetAnswer']
export type Opening = Schemas['DoorSessionAnswer']
export type CabinetOrder = Schemas['CabinetOrderAnswer']

/** What the text of every cabinet's QR code begins with. */
const QR = 'fanpiao:cabinet:'

/** The cabinet's code, from what was scanned, or typed as it stands on the door. */
export const deviceOf = (text: string) => text.trim().replace(QR, '')
export const qrOf = (device: string) => QR + device

/** Whether its member waits for nothing more of it. */
export const isOver = ({ status }: Opening) => !['opening', 'opened', 'closed', 'held'].includes(status)

/** Whether the door, or its vendor, is about to bring it on. */
export const isMoving = ({ status }: Opening) => ['opening', 'opened', 'closed'].includes(status)

/** What a person has to know of an opening: `…_slow` where nothing new has been heard for long, a settled one by what came of it. */
export type OpeningFace = Exclude<Opening['status'], 'settled'> | 'opening_slow' | 'closed_slow' | 'nothing' | CabinetOrder['payment_status']

export function openingFace({ status, order }: Opening, looks: number): OpeningFace {
  if (status === 'settled') return order?.payment_status ?? 'nothing'
  if (looks < LONG) return status
  return status === 'opening' ? 'opening_slow' : status === 'closed' ? 'closed_slow' : status
}

/** After so many looks that told nothing new, it takes longer than usual. */
const LONG = 6

/**
 * Milliseconds until an opening is looked at again, after so many looks that told nothing new. A door that did not open may be heard
 * of after all.
 */
export function pauseAfter({ status }: Opening, looks: number): number | undefined {
  if (status === 'settled' || status === 'released') return undefined
  const most = status === 'opening' || status === 'opened' || status === 'closed' ? 5_000 : 15_000
  return Math.min(most, 1_000 * 1.5 ** looks)
}

/** Which of the four steps is under way: open, take, close, settle; none where nothing is. */
export function stepOf({ status }: Opening): number | undefined {
  return { opening: 0, opened: 1, closed: 3, held: 3, settled: undefined, failed: undefined, timed_out: undefined, released: undefined }[status]
}
