import type { Schemas } from '@/api'
import { t } from '@/i18n'

/** Everybody is a member; it is said of those only who are nothing else. */
export function rolesOf(roles: Schemas['Role'][]): string {
  const told = roles.length > 1 ? roles.filter((role) => role !== 'member') : roles
  return told.map((role) => t.value.roles[role]).join(t.value.common.comma)
}
