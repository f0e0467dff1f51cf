import { computed, ref, shallowRef } from 'vue'
import { api } from '@/api'
import type { Allowance } from '@/logic/cabinets'
import type { Trouble } from '@/logic/trouble'
import { noteTrouble, useLoad } from './loading'

/** Whether WeChat may collect from the member by pay score, and the way to its page where that is allowed. */
export function usePayScore() {
  const load = useLoad(async () => (await api.get('/api/v1/cabinet/pay-score')).allowed)
  const allowance = computed<Allowance | undefined>(() => {
    if (load.trouble.value?.fate === 'refused') return 'never'
    return load.value.value === undefined ? undefined : load.value.value ? 'given' : 'missing'
  })
  const leaving = ref(false)
  const trouble = shallowRef<Trouble>()
  /** What WeChat said where its page could not be opened. */
  const unopened = ref<string>()

  /** In WeChat only. What was decided on its page is asked for by whoever comes back from there. */
  async function allow(): Promise<void> {
    if (leaving.value) return
    leaving.value = true
    trouble.value = unopened.value = undefined
    try {
      const extraData = await api.post('/api/v1/cabinet/pay-score')
      // #ifdef MP-WEIXIN
      // An older WeChat has no such call.
      if (!wx.openBusinessView) unopened.value = ''
      else
        wx.openBusinessView({
          businessType: 'wxpayScoreEnable',
          extraData,
          fail: ({ errMsg }) => (unopened.value = errMsg.replace(/^openBusinessView:fail\s*/, '')),
        })
      // #endif
    } catch (error) {
      trouble.value = noteTrouble(error)
    } finally {
      leaving.value = false
    }
  }

  return { allowance, load, leaving, trouble, unopened, allow }
}
