import { mount } from '@vue/test-utils'
import { expect, test } from 'vitest'
import { defineComponent, h, ref } from 'vue'

import { type Form, useForm } from '@/lib/form'

function formWith() {
  let form!: Form
  const typed = ref('')
  const owner = mount(
    defineComponent(() => {
      form = useForm(() => typed.value)
      const { input, change, focusout } = form.listen
      return () => h('form', { onInput: input, onChange: change, onFocusout: focusout }, [h('div', { 'data-field': 'name' }, h('input', { id: 'name' })), h('div', { 'data-field': 'when' }, [h('input', { id: 'day' }), h('input', { id: 'time' })])])
    }),
    { attachTo: document.body },
  )
  return { form, typed, owner, at: (id: string) => owner.get(`#${id}`) }
}

test('a field is told what is wrong with it once somebody has been there', async () => {
  const { form, owner, at } = formWith()
  const told = () => ['name', 'when'].map((id) => form.problem(id, '必填'))
  expect(told()).toEqual(['', ''])
  // To a button outside: it must not move away under the pointer.
  await at('name').trigger('focusout', { relatedTarget: document.body })
  expect(told()).toEqual(['', ''])
  await at('day').trigger('focusout', { relatedTarget: at('time').element })
  expect(told()).toEqual(['', ''])
  await at('time').trigger('focusout', { relatedTarget: at('name').element })
  expect(told()).toEqual(['', '必填'])
  await at('name').trigger('input')
  expect(told()).toEqual(['必填', '必填'])
  form.restart()
  expect(told()).toEqual(['', ''])
  form.submit()
  expect(told()).toEqual(['必填', '必填'])
  owner.unmount()
})

test('what the server said stands until the field is changed', async () => {
  const { form, owner, at } = formWith()
  form.submit()
  expect(form.problem('name', '', '已有人用')).toBe('已有人用')
  await at('day').trigger('input')
  expect(form.problem('name', '', '已有人用')).toBe('已有人用')
  await at('name').trigger('input')
  expect(form.problem('name', '', '已有人用')).toBe('')
  form.submit()
  expect(form.problem('name', '', '已有人用')).toBe('已有人用')
  owner.unmount()
})
