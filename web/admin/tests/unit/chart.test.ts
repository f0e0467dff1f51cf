import { mount } from '@vue/test-utils'
import { expect, test } from 'vitest'

import BarChart from '@/components/BarChart.vue'
import { linesUpTo, percent } from '@/lib/chart'

test('lines stand where people count, and none above what is needed', () => {
  expect(linesUpTo(0)).toEqual([0, 1])
  expect(linesUpTo(3)).toEqual([0, 1, 2, 3])
  expect(linesUpTo(7)).toEqual([0, 2, 4, 6, 8])
  expect(linesUpTo(80)).toEqual([0, 20, 40, 60, 80])
  expect(linesUpTo(81)).toEqual([0, 50, 100])
  for (let most = 1; most < 100_000; most = Math.ceil(most * 1.37)) {
    const lines = linesUpTo(most)
    expect([lines.at(-1)! >= most, lines.at(-2)! < most, lines.length <= 6]).toEqual([true, true, true])
  }
})

test('a share of nothing is none', () => {
  expect([percent(1, 3), percent(0, 5), percent(0, 0)]).toEqual(['33.3%', '0.0%', '—'])
})

test('columns are as high as what they tell, and tell it', () => {
  const series = [{ name: '早餐', values: [10, 0] }, { name: '午餐', values: [30, -5] }]
  const chart = mount(BarChart, { props: { label: '份数', names: ['周一', '周二'], series, marked: '周二' } })
  const [monday, tuesday] = chart.findAll('.column')
  expect(monday!.findAll('i').map((bar) => (bar.element as HTMLElement).style.height)).toEqual(['25%', '75%'])
  expect(monday!.attributes('title')).toBe('周一\n早餐 10\n午餐 30')
  // What was given back has no height.
  expect(tuesday!.findAll('i').map((bar) => (bar.element as HTMLElement).style.height)).toEqual(['0%', '0%'])
  expect([monday!.classes('marked'), tuesday!.classes('marked'), chart.attributes('aria-label') ?? chart.find('.chart').attributes('aria-label')]).toEqual([false, true, '份数'])
})
