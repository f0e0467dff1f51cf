import { api } from '@/api'
import { isNews, readWith, type Complaint, type Read } from '@/logic/complaints'
import { own } from './session'
import { keep, kept } from './storage'

/** Nobody complains more often than that and still waits for an answer. */
const LOOKED_THROUGH = 100

/** What a member has complained about in one order, the newest first. */
export async function complaintsOf(orderNo: string) {
  const { complaints } = await api.get('/api/v1/complaints', { query: { limit: LOOKED_THROUGH } })
  return complaints.filter(({ order_no }) => order_no === orderNo)
}

const shelf = () => own('complaints-read')
const read = () => kept<Read>(shelf()) ?? {}

/** Whether the house has answered or given something back, and this device has not shown it yet. */
export const hasNews = (complaint: Complaint) => isNews(complaint, read())
export const markRead = (complaints: Complaint[]) => keep(shelf(), readWith(read(), complaints))
