import { type PathOf, type SortOf } from '@fanpiao/api'
import { computed } from 'vue'
import { type LocationQueryRaw, useRoute, useRouter } from 'vue-router'

/**
 * A list's filters, kept in the address: a reload, a bookmark and the back button all find the same list. A filter at its
 * default is not in the address; setting one goes back to the first page.
 */
export function useFilters<F extends Record<string, string>>(defaults: F) {
  const route = useRoute()
  const router = useRouter()

  const filters = computed<F>(() => {
    const found: Record<string, string> = { ...defaults }
    for (const name of Object.keys(defaults)) {
      const value = route.query[name]
      if (typeof value === 'string') found[name] = value
    }
    return found as F
  })
  const cursor = computed(() => (typeof route.query.cursor === 'string' ? route.query.cursor : undefined))
  const isFiltered = computed(() => Object.keys(defaults).some((name) => filters.value[name] !== defaults[name]))

  function set(changed: Partial<F>) {
    const query: LocationQueryRaw = { ...route.query, ...changed, cursor: undefined }
    for (const [name, value] of Object.entries(defaults)) {
      if (query[name] === value) query[name] = undefined
    }
    void router.replace({ query })
  }

  function clear() {
    set(defaults)
  }

  /** The next page is a place of its own, so that going back leads to the page before. */
  function turn(next: string | undefined) {
    void router.push({ query: { ...route.query, cursor: next } })
  }

  return { filters, cursor, isFiltered, set, clear, turn }
}

/** In which order a list is shown, kept in the address beside its filters. What the list does by itself is not in it. */
export function useSort<P extends PathOf<'get'>>(_list: P, usual: SortOf<P>) {
  const route = useRoute()
  const router = useRouter()

  const sort = computed(() => (typeof route.query.sort === 'string' ? route.query.sort : usual))
  /** For the request: the server says which words there are, where the address has none of them. */
  const asked = computed(() => (sort.value === usual ? undefined : (sort.value as SortOf<P>)))

  function sortBy(word: string) {
    void router.replace({ query: { ...route.query, sort: word === usual ? undefined : word, cursor: undefined } })
  }

  return { sort, asked, sortBy }
}
