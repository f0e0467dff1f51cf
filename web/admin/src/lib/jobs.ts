import type { Schemas } from '@/api'
import { t } from '@/i18n'

/** A job that this console does not know yet is called by its own name. */
export function nameOf(name: string): string {
  return t.value.jobs.names[name] ?? name
}

export function scheduleOf({ every_secs, daily_at }: Pick<Schemas['JobRow'], 'every_secs' | 'daily_at'>): string {
  const { everySeconds, everyMinutes, everyHours, dailyAt, byHand } = t.value.jobs
  if (daily_at) return dailyAt(daily_at)
  if (!every_secs) return byHand
  if (every_secs % 3600 === 0) return everyHours(every_secs / 3600)
  return every_secs % 60 === 0 ? everyMinutes(every_secs / 60) : everySeconds(every_secs)
}

export function took(ms: number | null): string {
  if (ms === null) return '—'
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`
}
