import { expect, test } from 'vitest'
import { mayComplain, shrunk, type Complaint } from '@/logic/complaints'

const complaints = (...statuses: Complaint['status'][]) => statuses.map((status) => ({ status }) as Complaint)

test('an order has one complaint at a time', () => {
  expect([complaints(), complaints('open'), complaints('answered', 'closed'), complaints('closed', 'closed')].map(mayComplain)).toEqual([true, false, false, true])
})

test('a picture is made as small as it may be, in proportion, and never larger', () => {
  expect(shrunk(4_000, 3_000)).toEqual({ width: 1_600, height: 1_200 })
  expect(shrunk(300, 9_600)).toEqual({ width: 50, height: 1_600 })
  expect(shrunk(800, 600)).toEqual({ width: 800, height: 600 })
  expect(shrunk(1, 32_000)).toEqual({ width: 1, height: 1_600 })
})
