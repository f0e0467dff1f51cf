import type { Way } from '@/logic/topups'
import { own } from './session'
import { keep, kept, storage } from './storage'

/** What this device knows of a top-up that waits: how it can be paid, and whether the person has been to WeChat for it. */
export interface Begun {
  way?: Way
  /** Goes to WeChat as soon as it is shown: the person has just said so. */
  go?: boolean
  wasThere?: boolean
}

const name = (orderNo: string) => own(`topup:${orderNo}`)

export const begun = (orderNo: string) => kept<Begun>(name(orderNo)) ?? {}
export const keepBegun = (orderNo: string, what: Begun) => keep(name(orderNo), what)
export const dropBegun = (orderNo: string) => storage.drop(name(orderNo))
