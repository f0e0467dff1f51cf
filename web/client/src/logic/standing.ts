import type { Meal, Slot } from '@/api'

export function toggled<T>(list: T[], one: T): T[] {
  return list.includes(one) ? list.filter((other) => other !== one) : [...list, one]
}

/** 1 is Monday; in the week's order. */
export const toggledDay = (days: number[], day: number) => toggled(days, day).sort((one, other) => one - other)

/** Every time at which some meal of the slot may be fetched. */
export function windowsOf(meals: Pick<Meal, 'slot' | 'pickup_windows'>[], slot: Slot): string[] {
  return [...new Set(meals.filter((meal) => meal.slot === slot).flatMap(({ pickup_windows }) => pickup_windows))].sort()
}
