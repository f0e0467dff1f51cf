import { expect, test } from 'vitest'

import { refusal } from '@/lib/limits'

test('a field is refused as the API would refuse it', () => {
  expect(refusal('NewMember', 'nickname', '  ')).toBe('is required')
  expect(refusal('NewMember', 'nickname', '张伟')).toBe('')
  expect(refusal('NewMember', 'account', '')).toBe('')
  expect(refusal('NewMember', 'account', 'x')).toBe('must have 2 to 64 characters')
  expect(refusal('NewMember', 'nickname', '🍚'.repeat(100))).toBe('')
  expect(refusal('NewMember', 'nickname', '🍚'.repeat(101))).toBe('must have 1 to 100 characters')
  expect(refusal('NewMeal', 'capacity', 1_000_001)).toBe('must be 0 to 1000000')
  expect(refusal('NewRound', 'product_id', undefined)).toBe('is required')
})

test('money is told as money', () => {
  expect(refusal('Adjustment', 'amount_cents', 100_000_001)).toBe('must be −¥1,000,000.00 to ¥1,000,000.00')
})
