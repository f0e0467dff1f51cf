import { mount } from '@vue/test-utils'
import { expect, test } from 'vitest'
import { h, ref } from 'vue'

import MoneyInput from '@/components/MoneyInput.vue'

const amount = ref<number>()
const wrong = ref(false)
const Owner = () =>
  h(MoneyInput, {
    modelValue: amount.value,
    'onUpdate:modelValue': (now?: number) => (amount.value = now),
    wrong: wrong.value,
    'onUpdate:wrong': (now?: boolean) => (wrong.value = !!now),
  })

test('what is typed stays, and its owner has the cents at once', async () => {
  const input = mount(Owner).get('input')
  const type = async (text: string) => {
    await input.setValue(text)
    return [input.element.value, amount.value, wrong.value]
  }
  expect(await type('12')).toEqual(['12', 1200, false])
  expect(await type('12.')).toEqual(['12.', 1200, false])
  expect(await type('12.345')).toEqual(['12.345', undefined, true])
  expect(await type('-5')).toEqual(['-5', -500, false])
  expect(await type('')).toEqual(['', undefined, false])
})
