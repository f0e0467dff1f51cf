// What somebody has typed and not saved yet is never lost without their say: not by a link, not by going back, not by a reload,
// and not by closing a dialog.

import { computed, type ComputedRef, onScopeDispose, ref, shallowReactive, shallowRef, watch } from 'vue'
import type { Router } from 'vue-router'

interface Form {
  isChanged: ComputedRef<boolean>
  kept: () => void
}

const forms = shallowReactive(new Set<Form>())
const isAnyChanged = computed(() => [...forms].some(({ isChanged }) => isChanged.value))

/** The question that is on the screen, if any; whoever shows it says what was answered. */
export const asked = shallowRef<{ answer: (leave: boolean) => void }>()
let asking: Promise<boolean> | undefined

function ask(): Promise<boolean> {
  asking ??= new Promise<boolean>((resolve) => {
    asked.value = { answer: resolve }
  }).finally(() => {
    asking = undefined
    asked.value = undefined
  })
  return asking
}

/** Watches over something that is being typed: `state` is all of it, as JSON can write it. */
export function useUnsaved(state: () => unknown) {
  const now = () => JSON.stringify(state())
  const was = ref(now())
  const isChanged = computed(() => now() !== was.value)
  /** What is there now is saved, or nobody wants it. */
  function kept() {
    was.value = now()
  }
  const form = { isChanged, kept }
  forms.add(form)
  onScopeDispose(() => forms.delete(form))

  /** Goes, at once where nothing would be lost, and otherwise after asking. */
  async function leave(go: () => void): Promise<void> {
    if (isChanged.value && !(await ask())) return
    kept()
    go()
  }
  return { isChanged, kept, leave }
}

/** Whether everything may be left; asks where something would be lost. */
export async function mayLeave(): Promise<boolean> {
  if (!isAnyChanged.value) return true
  if (!(await ask())) return false
  letGo()
  return true
}

/** Nothing of it is wanted any more. */
export function letGo() {
  for (const { kept } of forms) kept()
}

/** No page is left without asking. */
export function guard(router: Router) {
  router.beforeEach((to, from) => to.path === from.path || mayLeave())
}

function hold(event: BeforeUnloadEvent) {
  event.preventDefault()
}
// A page that always listens to this cannot be kept by the browser for when somebody comes back to it.
watch(isAnyChanged, (now) => (now ? addEventListener('beforeunload', hold) : removeEventListener('beforeunload', hold)), { flush: 'sync' })
