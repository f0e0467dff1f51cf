import type { Schemas } from '@/api'

export type Complaint = Schemas['ComplaintAnswer']
export type Picture = Schemas['PictureAnswer']

export const COMPLAINT_TONES: Record<Complaint['status'], string> = { open: 'warn', answered: 'good', closed: '' }

export const LONGEST_COMPLAINT = 1_000
export const MOST_PICTURES = 4

/** What a member has written and not sent yet; its pictures are with the server already. */
export interface Draft {
  text: string
  pictures: Picture[]
}

/** An order has one complaint at a time: another one only when what there was is closed. */
export const mayComplain = (complaints: Complaint[]) => complaints.every(({ status }) => status === 'closed')

/** What the house has done about each complaint, as far as it was on the screen of this device. */
export type Read = Record<number, string>

const doneAbout = ({ answers, refunded_cents }: Complaint) => `${answers.length}:${refunded_cents}`
const UNTOUCHED = '0:0'

export const isNews = (complaint: Complaint, read: Read) => doneAbout(complaint) !== (read[complaint.complaint_id] ?? UNTOUCHED)
export const readWith = (read: Read, complaints: Complaint[]): Read => ({ ...read, ...Object.fromEntries(complaints.map((one) => [one.complaint_id, doneAbout(one)])) })

/** As large as a picture may be that shows what is wrong, with its sides in proportion. */
const LONGEST_SIDE = 1_600

export function shrunk(width: number, height: number): { width: number; height: number } {
  const by = Math.min(1, LONGEST_SIDE / Math.max(width, height))
  return { width: Math.max(1, Math.round(width * by)), height: Math.max(1, Math.round(height * by)) }
}
