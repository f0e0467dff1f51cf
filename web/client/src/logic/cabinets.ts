import type { Schemas } from '@/api'

export type Cabinet = Schemas['CabinetAnswer']
export type Opening = Schemas['DoorSessionAnswer']
export type CabinetOrder = Schemas['CabinetOrderAnswer']
export type Scanned = Schemas['ScanAnswer']
export type Way = Schemas['CabinetPay']

export const WAYS: Way[] = ['ticket', 'wechat']

/** Whether WeChat may collect from the member: never from one whom it does not know. */
export type Allowance = 'given' | 'missing' | 'never'

/** Why what is taken cannot be paid for in a way. */
export type Obstacle = 'few_tickets' | 'not_offered' | 'not_allowed' | 'no_wechat'

/** Where nobody knows whether WeChat may collect, asking for the door tells. */
export function obstacleOf(way: Way, { pay_with, tickets, tickets_needed }: Scanned, allowance: Allowance | undefined): Obstacle | undefined {
  if (way === 'ticket') return tickets < tickets_needed ? 'few_tickets' : undefined
  if (!pay_with.includes('wechat')) return 'not_offered'
  return allowance === 'missing' ? 'not_allowed' : allowance === 'never' ? 'no_wechat' : undefined
}

/** What only has to be allowed first can be chosen as well. */
export const canChoose = (obstacle: Obstacle | undefined) => obstacle === undefined || obstacle === 'not_allowed'

/** As the member wants it, or chose last, as long as that can be had. */
export function wayFor(scanned: Scanned, wanted: Way | undefined, allowance: Allowance | undefined): Way {
  const open = WAYS.filter((way) => canChoose(obstacleOf(way, scanned, allowance)))
  return wanted && open.includes(wanted) ? wanted : (open[0] ?? 'ticket')
}

/** Whether WeChat is to collect for it, is at it, or has: not where it could not. */
export const isByScore = ({ payment_type, unpaid_reason }: Pick<CabinetOrder, 'payment_type' | 'unpaid_reason'>) => payment_type === 'wechat' && unpaid_reason !== 'pay_score_ended'

export const isCollecting = ({ unpaid_reason }: Pick<CabinetOrder, 'unpaid_reason'>) => unpaid_reason === 'pay_score_collecting'

/** What the text of every cabinet's QR code begins with. */
const QR = 'fanpiao:cabinet:'

/** The cabinet's code, from what was scanned, or typed as it stands on the door. */
export const deviceOf = (text: string) => text.trim().replace(QR, '')
export const qrOf = (device: string) => QR + device

/** Whether its member waits for nothing more of it. */
export const isOver = ({ status }: Opening) => !['opening', 'opened', 'closed', 'held'].includes(status)

/** Whether the door, or its vendor, is about to bring it on. */
export const isMoving = ({ status }: Opening) => ['opening', 'opened', 'closed'].includes(status)

/**
 * What a person has to know of an opening: `…_slow` where nothing new has been heard for long, a settled one by what came of it. By pay
 * score, WeChat is asked before the cabinet (`asking`), may refuse (`refused`), and collects afterwards, or cannot.
 */
export type OpeningFace =
  | Exclude<Opening['status'], 'settled'>
  | 'opening_slow'
  | 'closed_slow'
  | 'nothing'
  | CabinetOrder['payment_status']
  | 'asking'
  | 'asking_slow'
  | 'refused'
  | 'collecting'
  | 'collecting_slow'
  | 'collected'
  | 'uncollected'

export function openingFace({ status, payment_type, failure, order }: Opening, looks: number): OpeningFace {
  const slow = looks >= LONG
  if (status === 'settled') return order ? orderFace(order, slow) : 'nothing'
  if (status === 'failed' && failure === 'pay_score_refused') return 'refused'
  if (status === 'opening' && payment_type === 'wechat') return slow ? 'asking_slow' : 'asking'
  if (!slow) return status
  return status === 'opening' ? 'opening_slow' : status === 'closed' ? 'closed_slow' : status
}

function orderFace(order: CabinetOrder, slow: boolean): OpeningFace {
  if (order.payment_type !== 'wechat' || order.payment_status === 'withdrawn') return order.payment_status
  if (order.payment_status === 'paid') return 'collected'
  if (!isCollecting(order)) return 'uncollected'
  return slow ? 'collecting_slow' : 'collecting'
}

/** After so many looks that told nothing new, it takes longer than usual. */
const LONG = 6

/**
 * Milliseconds until an opening is looked at again, after so many looks that told nothing new. A door that did not open may be heard
 * of after all, and what WeChat collects comes later.
 */
export function pauseAfter({ status, order }: Opening, looks: number): number | undefined {
  if (status === 'released' || (status === 'settled' && !(order && isCollecting(order)))) return undefined
  const most = status === 'opening' || status === 'opened' || status === 'closed' ? 5_000 : 15_000
  return Math.min(most, 1_000 * 1.5 ** looks)
}

/** Which of the four steps is under way: open, take, close, settle; none where nothing is. */
export function stepOf({ status, order }: Opening): number | undefined {
  if (order && isCollecting(order)) return 3
  return { opening: 0, opened: 1, closed: 3, held: 3, settled: undefined, failed: undefined, timed_out: undefined, released: undefined }[status]
}
