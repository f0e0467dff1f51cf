import { words } from '@/words'
import { say } from './toast'

/** Passes a link on from a browser: by the sheet of its system, or else by the clipboard. */
export function shareLink(title: string, url: string) {
  if (navigator.share) void navigator.share({ title, url }).catch(() => undefined)
  else uni.setClipboardData({ data: url, showToast: false, success: () => say(words.value.meal.linkCopied) })
}
