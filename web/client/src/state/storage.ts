import type { Shelf } from '@/logic/attempts'

/** The platform's own storage; it outlives the app. A full one loses drafts, never an order. */
export const storage: Shelf = {
  get: (name) => (uni.getStorageSync(name) as string) || undefined,
  put: (name, text) => uni.setStorageSync(name, text),
  drop: (name) => uni.removeStorageSync(name),
  names: () => uni.getStorageInfoSync().keys,
}

export function keep(name: string, value: unknown): void {
  try {
    storage.put(name, JSON.stringify(value))
  } catch {
    // What is kept here only spares waiting or typing.
  }
}

export function kept<T>(name: string): T | undefined {
  try {
    const text = storage.get(name)
    return text ? (JSON.parse(text) as T) : undefined
  } catch {
    return undefined
  }
}
