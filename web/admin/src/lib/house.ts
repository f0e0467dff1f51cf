import { computed } from 'vue'

import { zone } from '@/session'

import { clock, dayIn } from './dates'

/** The house's own day, whatever the reader's clock is set to. */
export const today = computed(() => dayIn(zone.value, new Date()))

export function at(instant: string, seconds = false): string {
  return clock(zone.value, instant, seconds)
}
