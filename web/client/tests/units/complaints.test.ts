import { expect, test } from 'vitest'
import { isNews, mayComplain, readWith, shrunk, type Complaint } from '@/logic/complaints'

const complaints = (...statuses: Complaint['status'][]) => statuses.map((status) => ({ status }) as Complaint)

test('an order has one complaint at a time', () => {
  expect([complaints(), complaints('open'), complaints('answered', 'closed'), complaints('closed', 'closed')].map(mayComplain)).toEqual([true, false, false, true])
})

test('what the house has done is news until it was on the screen', () => {
  const [untouched, answered, refunded] = [[0, 0], [1, 0], [1, 600]].map(
    ([answers, refunded_cents]) => ({ complaint_id: 7, answers: Array.from({ length: answers! }), refunded_cents }) as unknown as Complaint,
  )
  expect([untouched!, answered!, refunded!].map((complaint) => isNews(complaint, {}))).toEqual([false, true, true])
  const read = readWith({ 3: '1:0' }, [answered!])
  expect([isNews(answered!, read), isNews(refunded!, read), read[3]]).toEqual([false, true, '1:0'])
})

test('a picture is made as small as it may be, in proportion, and never larger', () => {
  expect(shrunk(4_000, 3_000)).toEqual({ width: 1_600, height: 1_200 })
  expect(shrunk(300, 9_600)).toEqual({ width: 50, height: 1_600 })
  expect(shrunk(800, 600)).toEqual({ width: 800, height: 600 })
  expect(shrunk(1, 32_000)).toEqual({ width: 1, height: 1_600 })
})
