import type { Schemas } from '@/api'
import { alerts } from '@/i18n/alerts'
import { settings as texts } from '@/i18n/settings'

import { grouped, money } from './money'

export type Setting = Schemas['SettingRow']

/** A setting that this console does not know yet is called by its key. */
export function labelOf(key: string): string {
  const [section, name] = parts(key)
  return section === 'alert_rules' ? (alerts.value.rules as Record<string, string>)[name] ?? key : texts.value.labels[key] ?? key
}

export function valueOf({ key, value, is_secret, is_set }: Pick<Setting, 'key' | 'value' | 'is_secret' | 'is_set'>): string {
  if (!is_set) return texts.value.unset
  if (is_secret || value === null) return texts.value.set
  if (typeof value === 'boolean') return value ? texts.value.on : texts.value.off_
  if (typeof value === 'string') return value
  if (key.endsWith('_cents')) return money(value)
  return `${grouped(value)}${texts.value.units[key.slice(key.lastIndexOf('_') + 1)] ?? ''}`
}

/** What a person searches a setting by: its name, its section's, its key, and the variable that sets it. */
export function isAbout(setting: Setting, words: string): boolean {
  const said = [labelOf(setting.key), texts.value.sections[parts(setting.key)[0]] ?? '', setting.key, variableOf(setting.key)].join(' ').toLowerCase()
  return words.toLowerCase().split(/\s+/).every((word) => said.includes(word))
}

export function variableOf(key: string): string {
  return `FANPIAO_${key.replace('.', '__').toUpperCase()}`
}

export interface Section {
  name: string
  title: string
  settings: Setting[]
}

export function bySection(settings: Setting[]): Section[] {
  const sections = new Map<string, Setting[]>()
  for (const setting of settings) {
    const [name] = parts(setting.key)
    sections.set(name, [...(sections.get(name) ?? []), setting])
  }
  return [...sections].map(([name, within]) => ({ name, title: texts.value.sections[name] ?? name, settings: within }))
}

/** Where nothing was ever said, nobody knows whether it works. */
export function stateOf({ delivered, failing, heard_at }: Schemas['ConnectionRow']): { tone: 'plain' | 'good' | 'bad'; text: string } {
  if (failing) return { tone: 'bad', text: texts.value.fails }
  return delivered || heard_at ? { tone: 'good', text: texts.value.works } : { tone: 'plain', text: texts.value.configured }
}

function parts(key: string): [string, string] {
  const dot = key.indexOf('.')
  return [key.slice(0, dot), key.slice(dot + 1)]
}
