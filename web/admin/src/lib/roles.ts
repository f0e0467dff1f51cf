import type { Schemas } from '@/api'
import { t } from '@/i18n'

/** What the console calls a role; one that the house has made goes by its code. */
export const roleName = (role: Schemas['Role']): string => (t.value.roles as Record<string, string>)[role] ?? role

/** Everybody is a member; it is said of those only who are nothing else. */
export function rolesOf(roles: Schemas['Role'][]): string {
  const told = roles.length > 1 ? roles.filter((role) => role !== 'member') : roles
  return told.map(roleName).join(t.value.common.comma)
}
