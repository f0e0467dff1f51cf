import { ref, shallowRef, type Ref } from 'vue'
import { asTrouble, type Trouble } from '@/logic/trouble'
import { keep, kept } from './storage'
import { end, own, session } from './session'

/** What is loaded once and may be loaded again; only the newest answer counts. */
export function useLoad<T>(load: () => Promise<T>) {
  const value = shallowRef<T>()
  const trouble = shallowRef<Trouble>()
  const loading = ref(false)
  let turn = 0

  async function again(): Promise<void> {
    const mine = ++turn
    loading.value = true
    try {
      const found = await load()
      if (mine !== turn) return
      value.value = found
      trouble.value = undefined
    } catch (error) {
      if (mine === turn) trouble.value = noteTrouble(error)
    } finally {
      if (mine === turn) loading.value = false
    }
  }

  return { value: value as Ref<T | undefined>, trouble, loading, again }
}

/** A session that has ended leads to the sign-in, wherever it is noticed. */
export function noteTrouble(error: unknown): Trouble {
  const trouble = asTrouble(error)
  if (trouble.fate === 'signed_out' && session.token) {
    end()
    void uni.navigateTo({ url: '/pages/sign-in/index?ended=1' })
  }
  return trouble
}

/** Another one as soon as an answer has a field more that a page needs: what an older client kept is not shown then. */
const SHAPE = 2

/** Shown at once the next time, until the server has answered. */
export const remember = (name: string, value: unknown) => keep(own(`seen${SHAPE}:${name}`), value)
export const remembered = <T>(name: string) => kept<T>(own(`seen${SHAPE}:${name}`))
