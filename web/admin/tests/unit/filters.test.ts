import { mount } from '@vue/test-utils'
import { expect, test } from 'vitest'
import { defineComponent, h, nextTick } from 'vue'
import { createMemoryHistory, createRouter, type Router } from 'vue-router'

import { useFilters } from '@/lib/filters'

async function listAt(address: string) {
  let list!: ReturnType<typeof useFilters<{ query: string; status: string }>>
  const List = defineComponent({
    setup() {
      list = useFilters({ query: '', status: 'open' })
      return () => h('div')
    },
  })
  const router: Router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/list', component: List }] })
  await router.push(address)
  mount(List, { global: { plugins: [router] } })
  const settled = async () => {
    await new Promise((resolve) => setTimeout(resolve))
    await nextTick()
    return router.currentRoute.value.fullPath
  }
  return { list, settled }
}

test('an address says what is shown, and what is not in it is at its default', async () => {
  const { list } = await listAt('/list?query=zhang&cursor=9&other=1')
  expect(list.filters.value).toEqual({ query: 'zhang', status: 'open' })
  expect([list.cursor.value, list.isFiltered.value]).toEqual(['9', true])
})

test('a filter that is set goes into the address and back to the first page; a default leaves it', async () => {
  const { list, settled } = await listAt('/list?query=zhang&cursor=9')
  list.set({ status: 'done' })
  expect(await settled()).toBe('/list?query=zhang&status=done')
  list.set({ status: 'open' })
  expect(await settled()).toBe('/list?query=zhang')
  list.clear()
  expect(await settled()).toBe('/list')
  expect(list.isFiltered.value).toBe(false)
})

test('the next page keeps the filters', async () => {
  const { list, settled } = await listAt('/list?query=zhang')
  list.turn('77')
  expect(await settled()).toBe('/list?query=zhang&cursor=77')
})
