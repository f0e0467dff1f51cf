// What the API would say about a field, without asking it: by the same description, in the same words.

import limits from '@fanpiao/limits'

import { t } from '@/i18n'

import { money } from './money'

interface Limit {
  required?: boolean
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  minItems?: number
  maxItems?: number
}

/** Why a request of this kind would be refused for this value of a field; nothing where it would not be. Blank is absent. */
export function refusal<R extends keyof typeof limits>(request: R, field: keyof (typeof limits)[R] & string, value: unknown): string {
  const limit = (limits[request] as Record<string, Limit>)[field]!
  const { required, refused } = t.value.common
  const is = typeof value === 'string' ? value.trim() : value
  if (is === undefined || is === null || is === '') return limit.required ? required : ''
  if (typeof is === 'string') return beyond([...is].length, limit.minLength, limit.maxLength) ? refused.length(limit.minLength ?? 0, limit.maxLength!) : ''
  if (typeof is === 'number') {
    if (!beyond(is, limit.minimum, limit.maximum)) return ''
    const told = field.endsWith('_cents') ? money : String
    return refused.between(told(limit.minimum ?? 0), told(limit.maximum!))
  }
  if (!Array.isArray(is)) return ''
  if (is.length < (limit.minItems ?? 0)) return refused.fewest(limit.minItems!)
  return is.length > (limit.maxItems ?? Infinity) ? refused.most(limit.maxItems!) : ''
}

function beyond(value: number, least = -Infinity, most = Infinity): boolean {
  return value < least || value > most
}
