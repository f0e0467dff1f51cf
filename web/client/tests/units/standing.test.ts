import { expect, test } from 'vitest'
import { toggledDay, windowsOf } from '@/logic/standing'
import { en } from '@/words/en'
import { zh } from '@/words/zh'

test('days are ticked in the order of the week', () => {
  expect(toggledDay([1, 5], 3)).toEqual([1, 3, 5])
  expect(toggledDay([1, 3, 5], 3)).toEqual([1, 5])
  expect(toggledDay([], 7)).toEqual([7])
})

test('the times of a slot, each once', () => {
  const meals = [
    { slot: 'lunch' as const, pickup_windows: ['12:00-12:30', '11:30-12:00'] },
    { slot: 'lunch' as const, pickup_windows: ['11:30-12:00'] },
    { slot: 'dinner' as const, pickup_windows: ['18:00-18:30'] },
  ]
  expect(windowsOf(meals, 'lunch')).toEqual(['11:30-12:00', '12:00-12:30'])
  expect(windowsOf(meals, 'breakfast')).toEqual([])
})

test('days in words', () => {
  expect([zh, en].map((words) => words.standing.days([1, 2, 3, 4, 5]))).toEqual(['工作日', 'Weekdays'])
  expect([zh, en].map((words) => words.standing.days([1, 2, 3, 4, 5, 6, 7]))).toEqual(['每天', 'Every day'])
  expect([zh, en].map((words) => words.standing.days([1, 7]))).toEqual(['周一、周日', 'Mon, Sun'])
})
