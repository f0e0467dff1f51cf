import { ref } from 'vue'
import { base } from '@/api'
import { words } from '@/words'
import { dayOf } from '@/logic/dates'
import { session } from './session'
import { say } from './toast'

/** Brings a workbook to the person: the browser saves it, the mini program opens it with its menu to keep or forward it. */
export function useExport() {
  const busy = ref('')
  const failed = ref('')

  function bring(path: string, name: string): void {
    if (busy.value) return
    busy.value = path
    failed.value = ''
    const fail = () => (failed.value = path)
    uni.downloadFile({
      url: base + path,
      header: { Authorization: `Bearer ${session.token}` },
      success: ({ statusCode, tempFilePath }) => {
        if (statusCode !== 200) return fail()
        // #ifdef H5
        const link = document.createElement('a')
        link.href = tempFilePath
        link.download = `${name}_${dayOf(new Date())}.xlsx`
        link.click()
        say(words.value.me.exported)
        // #endif
        // #ifdef MP-WEIXIN
        uni.openDocument({ filePath: tempFilePath, fileType: 'xlsx', showMenu: true, fail })
        // #endif
      },
      fail,
      complete: () => (busy.value = ''),
    })
  }

  return { busy, failed, bring }
}
