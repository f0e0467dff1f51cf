import { api, type Schemas } from '@/api'
import type { Tone } from '@/components/Tag.vue'

export type Complaint = Schemas['ComplaintAnswer']

export const COMPLAINT_TONES: Record<Complaint['status'], Tone> = { open: 'warn', answered: 'calm', closed: 'plain' }

/** The roles that may see to complaints. */
const ROLES: Schemas['Role'][] = ['support', 'finance', 'admin']

/** Everybody who may see to complaints; each once, though they hold several of the roles. */
export async function handlers(signal: AbortSignal): Promise<Schemas['MemberRow'][]> {
  const pages = await Promise.all(ROLES.map((role) => api.get('/api/v1/admin/members', { query: { role, status: 'active', limit: 100 } }, { signal })))
  return [...new Map(pages.flatMap(({ members }) => members).map((member) => [member.user_id, member])).values()]
}
