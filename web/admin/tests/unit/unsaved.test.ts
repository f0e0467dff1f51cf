import { flushPromises, mount } from '@vue/test-utils'
import { afterEach, expect, test } from 'vitest'
import { effectScope, h, ref } from 'vue'
import { createMemoryHistory, createRouter } from 'vue-router'

import FormDialog from '@/components/FormDialog.vue'
import { useForm } from '@/lib/form'
import { asked, guard, letGo, mayLeave, useUnsaved } from '@/lib/unsaved'

let end: (() => void)[] = []
afterEach(() => {
  for (const one of end) one()
  end = []
})

/** Something being typed, until the test is over. */
function typing(typed = ref('')) {
  const scope = effectScope()
  end.push(() => scope.stop())
  return { typed, ...scope.run(() => useUnsaved(() => typed.value))!, stop: () => scope.stop() }
}
const isHeld = () => {
  const event = new Event('beforeunload', { cancelable: true })
  dispatchEvent(event)
  return event.defaultPrevented
}

test('what is unchanged is left at once, and what is changed only after asking', async () => {
  const { typed, leave } = typing()
  const went: string[] = []
  await leave(() => went.push('first'))
  expect(went).toEqual(['first'])

  typed.value = '红烧'
  const staying = leave(() => went.push('second'))
  asked.value!.answer(false)
  await staying
  expect([went, typed.value]).toEqual([['first'], '红烧'])

  const going = leave(() => went.push('third'))
  asked.value!.answer(true)
  await going
  expect([went, asked.value]).toEqual([['first', 'third'], undefined])
})

test('typed back to what it was, there is nothing to lose', async () => {
  const { typed, isChanged } = typing(ref('旧'))
  typed.value = '新'
  expect(isChanged.value).toBe(true)
  typed.value = '旧'
  expect([isChanged.value, await mayLeave()]).toEqual([false, true])
})

test('a page is not left without asking, but its filters change freely', async () => {
  const page = { render: () => null }
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/', component: page }, { path: '/other', component: page }] })
  guard(router)
  await router.push('/')
  const { typed, isChanged } = typing()
  typed.value = 'x'
  await router.push('/?page=2')
  expect(router.currentRoute.value.fullPath).toBe('/?page=2')

  const staying = router.push('/other')
  await flushPromises()
  asked.value!.answer(false)
  await staying
  expect(router.currentRoute.value.path).toBe('/')

  const going = router.push('/other')
  await flushPromises()
  asked.value!.answer(true)
  await going
  expect([router.currentRoute.value.path, isChanged.value]).toEqual(['/other', false])
})

test('two who ask at once ask one question', async () => {
  typing().typed.value = 'x'
  const both = [mayLeave(), mayLeave()]
  asked.value!.answer(true)
  expect(await Promise.all(both)).toEqual([true, true])
})

test('the window is held only while something would be lost', () => {
  const first = typing()
  const second = typing()
  expect(isHeld()).toBe(false)
  first.typed.value = second.typed.value = 'x'
  expect(isHeld()).toBe(true)
  first.kept()
  expect(isHeld()).toBe(true)
  second.stop()
  expect(isHeld()).toBe(false)
  first.typed.value = 'y'
  letGo()
  expect(isHeld()).toBe(false)
})

test('a dialog is closed at once while nothing is typed, and otherwise after asking', async () => {
  const typed = ref('')
  const closed: string[] = []
  const Owner = {
    setup() {
      useForm(() => typed.value)
      return () => h(FormDialog, { id: 'form', title: '表单', onClose: () => closed.push('closed') })
    },
  }
  const owner = mount(Owner, { attachTo: document.body, global: { stubs: { ElDialog: { props: ['beforeClose'], template: '<div><button id="x" @click="beforeClose" /><slot /><slot name="footer" /></div>' }, ElButton: true } } })
  end.push(() => owner.unmount())
  await owner.get('#x').trigger('click')
  await flushPromises()
  expect(closed.length).toBe(1)
  typed.value = 'x'
  await owner.get('#x').trigger('click')
  await flushPromises()
  expect(closed.length).toBe(1)
  asked.value!.answer(true)
  await flushPromises()
  expect(closed.length).toBe(2)
})
