import { computed } from 'vue'
import { isByScore, isCollecting, type CabinetOrder } from '@/logic/cabinets'
import { clock, dayOfMonth, dayOf, monthOf, weekday } from '@/logic/dates'
import { yuan } from '@/logic/money'
import { leftUntil, type Product } from '@/logic/shop'
import { language } from '@/state/settings'
import { en } from './en'
import { zh } from './zh'

export const words = computed(() => (language.value === 'zh' ? zh : en))

export const dayText = (date: string) => words.value.day(monthOf(date), dayOfMonth(date), weekday(date))
export const shortDayText = (date: string) => words.value.shortDay(monthOf(date), dayOfMonth(date))
/** When something was, as this device's calendar and clock have it. */
export const momentText = (instant: string) => `${shortDayText(dayOf(new Date(instant)))} ${clock(instant)}`

/** A product, or what an order calls it. */
export const productName = (product: Pick<Product, 'name_zh' | 'name_en'> | undefined) => (language.value === 'en' && product?.name_en) || product?.name_zh || ''
/** What a cabinet's order costs, in what it is paid with. */
export const costText = (order: CabinetOrder, tickets = order.tickets) => (isByScore(order) ? yuan(order.total_cents) : words.value.cabinet.sum(tickets))
/** Whether it is paid, or is about to be by itself; of what goes back at WeChat, how far that is. */
export const payStateText = (order: CabinetOrder) =>
  order.refund_state ? words.value.cabinet.refunds[order.refund_state] : words.value.cabinet.status[isCollecting(order) ? 'collecting' : order.payment_status]
/** What was charged or given back later for a cabinet's order, or is to be paid. */
export function moveText(order: CabinetOrder): string {
  const { givenBack, charged, due, atWechat } = words.value.cabinet
  const { tickets, total_cents, payment_status } = order
  if (isByScore(order)) return total_cents < 0 ? atWechat.givenBack(yuan(-total_cents)) : isCollecting(order) ? atWechat.collecting(yuan(total_cents)) : atWechat.charged(yuan(total_cents))
  if (tickets < 0) return givenBack(-tickets)
  return payment_status === 'paid' ? charged(tickets) : due(tickets)
}
export const countdownText = (until: string, now: number, short = false) => words.value.countdown(leftUntil(until, now), short)
