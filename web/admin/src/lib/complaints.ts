import { api, type Schemas } from '@/api'
import type { Tone } from '@/components/Tag.vue'
import { loadRoles } from '@/lib/roles'

export type Complaint = Schemas['ComplaintAnswer']

export const COMPLAINT_TONES: Record<Complaint['status'], Tone> = { open: 'warn', answered: 'calm', closed: 'plain' }

/** Everybody who may see to complaints; each once, though they hold several roles that allow it. */
export async function handlers(signal: AbortSignal): Promise<Schemas['MemberRow'][]> {
  const able = (await loadRoles(signal)).filter(({ permissions }) => permissions.includes('complaint:handle'))
  const pages = await Promise.all(able.map(({ code }) => api.get('/api/v1/admin/members', { query: { role: code, status: 'active', limit: 100 } }, { signal })))
  return [...new Map(pages.flatMap(({ members }) => members).map((member) => [member.user_id, member])).values()]
}
