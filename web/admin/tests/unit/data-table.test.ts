import { mount } from '@vue/test-utils'
import { beforeEach, expect, test } from 'vitest'
import { h, nextTick } from 'vue'

import DataTable from '@/components/DataTable.vue'

const columns = [
  { key: 'name', label: 'Name', fixed: true },
  { key: 'age', label: 'Age', align: 'end' as const },
  { key: 'note', label: 'Note', hidden: true },
]
const rows = [
  { id: 1, name: 'a', age: 3, note: 'x' },
  { id: 2, name: 'b', age: 4, note: 'y' },
]

function table(more: Record<string, unknown> = {}) {
  const props = { name: 'people', label: 'People', columns, rows, rowKey: (row: object) => (row as { id: number }).id, ...more }
  // A generic component has no type that mount would take.
  return mount(DataTable as never, { props: props as never, slots: { empty: () => h('p', 'nobody') } as never })
}

beforeEach(() => localStorage.clear())

test('hidden columns wait to be asked for, and the choice is remembered', async () => {
  const first = table()
  const heads = (wrapper: typeof first) => wrapper.findAll('th').map((head) => head.text())
  expect(heads(first)).toEqual(['Name', 'Age'])
  ;(first.vm as unknown as { toggleColumn: (key: string) => void }).toggleColumn('note')
  await nextTick()
  expect(heads(first)).toEqual(['Name', 'Age', 'Note'])
  expect(heads(table())).toEqual(['Name', 'Age', 'Note'])
})

test('rows are picked one by one and all at once, and others that are picked stay so', async () => {
  const picked = table({ selected: new Set([1, 9]) })
  const [all, one, two] = picked.findAll<HTMLInputElement>('input')
  expect([all!.element.checked, all!.element.indeterminate, one!.element.checked, two!.element.checked]).toEqual([false, true, true, false])
  await two!.setValue(true)
  await all!.setValue(false)
  expect(picked.emitted('update:selected')).toEqual([[new Set([1, 9, 2])], [new Set([9])]])
})

test('nothing yet is not nothing', () => {
  expect(table({ rows: undefined }).text()).not.toContain('nobody')
  expect(table({ rows: [] }).text()).toContain('nobody')
})
