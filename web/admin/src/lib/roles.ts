import { shallowRef } from 'vue'

import { api, type Schemas } from '@/api'
import { language, t } from '@/i18n'

export type Role = Schemas['RoleAnswer']
export type Entry = Schemas['PermissionEntry']

/** All of them: a house has a hundred at most. */
export const roles = shallowRef<Role[]>()

export async function loadRoles(signal?: AbortSignal): Promise<Role[]> {
  roles.value = (await api.get('/api/v1/admin/roles', {}, { signal })).roles
  return roles.value
}

/** A role by the house's own name for it, where that is known. */
export function roleName(code: Schemas['Role']): string {
  const role = roles.value?.find((one) => one.code === code)
  return role ? nameOf(role) : ((t.value.roles as Record<string, string>)[code] ?? code)
}

export function nameOf({ name_zh, name_en }: Pick<Role, 'name_zh' | 'name_en'>): string {
  return language.value === 'zh' ? name_zh : name_en
}

/** Everybody is a member; it is said of those only who are nothing else. */
export function rolesOf(codes: Schemas['Role'][]): string {
  const told = codes.length > 1 ? codes.filter((role) => role !== 'member') : codes
  return told.map(roleName).join(t.value.common.comma)
}

/** What may be done, by what it is done to, in the server's order. */
export function byArea(entries: Entry[]): { area: string; entries: Entry[] }[] {
  const areas = new Map<string, Entry[]>()
  for (const entry of entries) {
    const area = entry.permission.slice(0, entry.permission.indexOf(':'))
    areas.set(area, [...(areas.get(area) ?? []), entry])
  }
  return [...areas].map(([area, within]) => ({ area, entries: within }))
}

/** Why it cannot be put into, or taken out of, a role of this scope. */
export function hindrance(entry: Entry, scope: Role['scope']): 'scope' | 'own' | undefined {
  if (!entry.scopes.includes(scope)) return 'scope'
  return entry.may_give ? undefined : 'own'
}
