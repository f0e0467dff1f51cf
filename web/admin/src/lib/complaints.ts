import type { Schemas } from '@/api'
import type { Tone } from '@/components/Tag.vue'

export type Complaint = Schemas['ComplaintAnswer']

export const COMPLAINT_TONES: Record<Complaint['status'], Tone> = { open: 'warn', answered: 'calm', closed: 'plain' }
