import type { Meal, Slot } from '@/api'

/** 1 is Monday; in the week's order. */
export function toggledDay(days: number[], day: number): number[] {
  return days.includes(day) ? days.filter((one) => one !== day) : [...days, day].sort((one, other) => one - other)
}

/** Every time at which some meal of the slot may be fetched. */
export function windowsOf(meals: Pick<Meal, 'slot' | 'pickup_windows'>[], slot: Slot): string[] {
  return [...new Set(meals.filter((meal) => meal.slot === slot).flatMap(({ pickup_windows }) => pickup_windows))].sort()
}
