import type { Meal } from '@/api'

/** What a member chooses of a meal. */
export interface Choice {
  quantity: number
  /** Ids of options, in the meal's order. */
  options: (number | string)[]
  notes: string
  /** When it is fetched; empty for any time. */
  window: string
}

export const blank = (): Choice => ({ quantity: 1, options: [], notes: '', window: '' })

/** What was ordered, or nothing yet. */
export function choiceOf(meal: Meal): Choice {
  const mine = meal.my_order
  return mine ? fitting({ quantity: mine.quantity, options: mine.selected_options.map(({ id }) => id), notes: mine.notes, window: mine.pickup_window ?? '' }, meal) : blank()
}

/** A choice without what the meal no longer has. */
export function fitting(choice: Choice, meal: Meal): Choice {
  const options = meal.options.map(({ id }) => id).filter((id) => choice.options.includes(id))
  return { ...choice, options, window: meal.pickup_windows.includes(choice.window) ? choice.window : '' }
}

export function toggled(choice: Choice, id: number | string, meal: Meal): Choice {
  const options = choice.options.includes(id) ? choice.options.filter((one) => one !== id) : [...choice.options, id]
  return fitting({ ...choice, options }, meal)
}

export function same(one: Choice, other: Choice): boolean {
  return one.quantity === other.quantity && one.notes === other.notes && one.window === other.window && one.options.join() === other.options.join()
}

/** As the server wants to be told. */
export function bodyOf(choice: Choice) {
  return { quantity: choice.quantity, selected_options: choice.options.map((id) => ({ id })), notes: choice.notes.trim(), pickup_window: choice.window || null }
}

/** The most that this member can have: what is left and what is theirs already. */
export function mostOf(meal: Meal): number {
  return Math.max(1, Math.min(1000, meal.available_capacity + (meal.my_order?.quantity ?? 0)))
}
