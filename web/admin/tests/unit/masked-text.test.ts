import { flushPromises, mount } from '@vue/test-utils'
import { beforeEach, expect, test, vi } from 'vitest'

import type { Schemas } from '@/api'
import MaskedText from '@/components/MaskedText.vue'
import { me } from '@/session'

const see = vi.fn(() => Promise.resolve('王小明，朝阳路 8 号'))
const shown = () => mount(MaskedText, { props: { text: '王**，朝** ** **', permission: 'personal:address', label: 'SHOP1', see } })

beforeEach(() => {
  see.mockClear()
  me.value = { permissions: ['personal:address'] } as Schemas['UserInfo']
})

test('the whole text is fetched once it is asked for, and forgotten with the text that it was for', async () => {
  const text = shown()
  expect(text.text()).toContain('王**')
  expect(see).not.toHaveBeenCalled()
  await text.get('button').trigger('click')
  await flushPromises()
  expect(text.text()).toBe('王小明，朝阳路 8 号')
  expect(see).toHaveBeenCalledOnce()
  await text.setProps({ text: '李**' })
  expect(text.text()).toContain('李**')
})

test('who may not see it is not offered to', () => {
  me.value = { permissions: ['shop:orders'] } as unknown as Schemas['UserInfo']
  expect(shown().find('button').exists()).toBe(false)
})
