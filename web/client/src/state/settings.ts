import { computed, reactive, watch } from 'vue'
import { keep, kept } from './storage'

export type Look = 'system' | 'light' | 'dark'
export type Language = 'system' | 'zh' | 'en'
export type Size = 'standard' | 'large' | 'largest'

interface Settings {
  look: Look
  language: Language
  size: Size
}

const KEY = 'settings'
export const settings = reactive<Settings>({ look: 'system', language: 'system', size: 'standard', ...kept<Settings>(KEY) })
watch(settings, (now) => keep(KEY, now))

/** What the device says; `onLaunch` fills it. */
const device = reactive({ dark: false, language: 'zh', textScale: 1 })

export const isDark = computed(() => (settings.look === 'system' ? device.dark : settings.look === 'dark'))
export const language = computed(() => (settings.language === 'system' ? device.language : settings.language) as 'zh' | 'en')

const SCALES: Record<Size, number> = { standard: 1, large: 1.18, largest: 1.4 }
export const textScale = computed(() => Math.min(device.textScale * SCALES[settings.size], 1.7))

export function readDevice(): void {
  const info = uni.getSystemInfoSync()
  device.language = (info.language ?? 'zh').toLowerCase().startsWith('zh') ? 'zh' : 'en'
  // #ifdef MP-WEIXIN
  device.dark = info.theme === 'dark'
  device.textScale = (info.fontSizeSetting ?? 16) / 16
  uni.onThemeChange((change) => {
    device.dark = change.theme === 'dark'
  })
  // #endif
  // #ifdef H5
  const scheme = window.matchMedia('(prefers-color-scheme: dark)')
  device.dark = scheme.matches
  scheme.addEventListener('change', () => {
    device.dark = scheme.matches
  })
  const paint = () => {
    document.documentElement.style.colorScheme = isDark.value ? 'dark' : 'light'
    document.documentElement.style.backgroundColor = isDark.value ? '#171311' : '#fbf7f2'
    document.documentElement.lang = language.value
    document.querySelector('meta[name=theme-color]')?.setAttribute('content', isDark.value ? '#171311' : '#fbf7f2')
  }
  watch([isDark, language], paint, { immediate: true })
  // #endif
}
