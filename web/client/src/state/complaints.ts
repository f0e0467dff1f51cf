import { api } from '@/api'

/** Nobody complains more often than that and still waits for an answer. */
const LOOKED_THROUGH = 100

/** What a member has complained about in one order, the newest first. */
export async function complaintsOf(orderNo: string) {
  const { complaints } = await api.get('/api/v1/complaints', { query: { limit: LOOKED_THROUGH } })
  return complaints.filter(({ order_no }) => order_no === orderNo)
}
