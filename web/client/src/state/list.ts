import { ref, shallowRef } from 'vue'
import type { Schemas } from '@/api'
import { joined } from '@/logic/pages'
import type { Trouble } from '@/logic/trouble'
import { noteTrouble, remember, remembered } from './loading'

export interface Page<T> {
  rows: T[]
  page_info: Schemas['PageInfo']
}

/**
 * A list that is loaded from its beginning, then page by page as the person scrolls. Of one that has a name, what was seen of it
 * last is there at once; one that is narrowed down has none.
 */
export function useList<T>(load: (offset: number) => Promise<Page<T>>, id: (row: T) => number | string, name: () => string = () => '') {
  const seen = () => (name() ? remembered<T[]>(name()) : undefined)
  const rows = shallowRef(seen())
  const more = ref(false)
  const loading = ref(false)
  const trouble = shallowRef<Trouble>()
  let offset = 0
  let turn = 0

  async function fetch(from: number): Promise<void> {
    const mine = ++turn
    loading.value = true
    try {
      const page = await load(from)
      if (mine !== turn) return
      rows.value = from === 0 ? page.rows : joined(rows.value ?? [], page.rows, id)
      if (name() && from === 0) remember(name(), page.rows)
      offset = from + page.rows.length
      more.value = page.page_info.has_more
      trouble.value = undefined
    } catch (error) {
      if (mine === turn) trouble.value = noteTrouble(error)
    } finally {
      if (mine === turn) loading.value = false
    }
  }

  const again = () => fetch(0)
  /** Not after a failure: then the person decides. */
  const next = () => (more.value && !loading.value && !trouble.value ? fetch(offset) : undefined)
  /** From where it failed. */
  const retry = () => fetch(rows.value ? offset : 0)
  /** Where it has become another one. */
  function clear() {
    turn++
    rows.value = seen()
    trouble.value = undefined
  }

  return { rows, more, loading, trouble, again, next, retry, clear }
}
