import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { House } from './house'
import { Phone } from './phone'

/** The one that a file's tests share. */
export let house: House
/** Each test's own. */
export let phone: Phone

/** A house for the tests of a file; none of them finds what another one did to its door. */
export function useHouse(): void {
  beforeAll(async () => {
    house = await House.open()
  })
  afterAll(() => house?.close())
  beforeEach(() => {
    house.asked.length = 0
  })
  afterEach(() => {
    house.before = () => {}
    house.after = () => {}
  })
}

/** And a phone for each of them, on which nothing may have happened that never should. */
export function usePhone(): void {
  useHouse()
  beforeEach(async () => {
    phone = await Phone.buy(house)
  })
  afterEach(async () => {
    const { problems } = phone
    await phone.close()
    expect(problems).toEqual([])
  })
}
