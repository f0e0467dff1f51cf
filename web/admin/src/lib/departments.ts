import { shallowRef } from 'vue'

import { api, type Schemas } from '@/api'

type Department = Schemas['DepartmentRow']

/** All of them: a house has few. Read once and again after one was made. */
export const departments = shallowRef<Department[]>()

export async function loadDepartments(): Promise<Department[]> {
  const found: Department[] = []
  let cursor: string | undefined
  do {
    const page = await api.get('/api/v1/admin/departments', { query: { limit: 100, ...(cursor ? { cursor } : {}) } })
    found.push(...page.departments)
    cursor = page.page_info.next_cursor ?? undefined
  } while (cursor)
  departments.value = found
  return found
}
