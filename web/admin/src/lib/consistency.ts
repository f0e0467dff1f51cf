import { shallowRef } from 'vue'

import { api, type Schemas } from '@/api'

/** The last report: the dashboard and the page of the checks show the same one. */
export const report = shallowRef<Schemas['Consistency']>()

export async function checkConsistency(signal: AbortSignal): Promise<Schemas['Consistency']> {
  report.value = await api.get('/api/v1/admin/consistency', {}, { signal })
  return report.value
}

export function findings({ checks }: Schemas['Consistency']): number {
  const counts = Object.values(checks).flatMap((check) => Object.entries(check).filter(([key]) => key.endsWith('_count')))
  return counts.reduce((sum, [, count]) => sum + Number(count), 0)
}
