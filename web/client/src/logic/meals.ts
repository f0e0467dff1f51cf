import type { Meal, Slot } from '@/api'

export const SLOTS: Slot[] = ['breakfast', 'lunch', 'dinner']

/** From here on it is worth saying that few are left. */
const FEW = 5

/** What a member has to know of a meal at a glance. */
export type Face = 'mine' | 'open' | 'few' | 'sold_out' | 'closed' | 'locked' | 'done' | 'canceled'

export function faceOf(meal: Meal, now: Date): Face {
  if (meal.status === 'canceled') return 'canceled'
  if (meal.my_order) return 'mine'
  if (meal.status === 'completed') return 'done'
  if (meal.status === 'locked') return 'locked'
  if (!takesOrders(meal, now)) return 'closed'
  if (meal.available_capacity <= 0) return 'sold_out'
  return meal.available_capacity <= FEW ? 'few' : 'open'
}

/** Whether orders may be placed, changed and canceled now. */
export function takesOrders(meal: Meal, now: Date): boolean {
  return meal.status === 'published' && !(meal.orders_close_at && new Date(meal.orders_close_at) <= now)
}

/** The meal that stands at a date and slot; a canceled one only where no other does. */
export function mealAt(meals: Meal[], date: string, slot: Slot): Meal | undefined {
  const there = meals.filter((meal) => meal.date === date && meal.slot === slot)
  return there.find((meal) => meal.status !== 'canceled') ?? there[there.length - 1]
}

const DISHES: [string, RegExp][] = [
  ['noodles', /面(?!包)|粉(?!蒸)|米线|馄饨|noodle|ramen|pasta/i],
  ['curry', /咖喱|猪排|炸|curry|cutlet|schnitzel/i],
  ['fish', /鱼|虾|蟹|鲈|海鲜|fish|prawn|shrimp/i],
  ['soup', /豆腐|汤|锅|煲|粥|soup|stew|tofu|porridge|congee/i],
  ['stirfry', /炒|丁|丝|套餐|小炒|宫保|鱼香|stir|set/i],
  ['bun', /包|饺|馒头|饼|早|bun|dumpling|pancake|bread/i],
]

/** Which drawing stands beside a dish. */
export function drawingOf(meal: Pick<Meal, 'title' | 'description' | 'slot'>): string {
  const name = meal.title || meal.description
  const found = DISHES.find(([, words]) => words.test(name))
  return found ? found[0] : !name && meal.slot === 'breakfast' ? 'bun' : 'rice'
}
