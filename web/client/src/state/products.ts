import { shallowReactive } from 'vue'
import { api } from '@/api'
import type { Product } from '@/logic/shop'

/** Products that some page has needed, by their ids: rounds and orders only name them. */
export const products = shallowReactive(new Map<number, Product>())

/** A name that is missing spoils no page. */
export async function wantProducts(ids: (number | null | undefined)[]): Promise<void> {
  const missing = [...new Set(ids)].filter((id): id is number => typeof id === 'number' && !products.has(id))
  await Promise.all(
    missing.map((id) =>
      api.get('/api/v1/products/{product_id}', { path: { product_id: id } }).then(
        (found) => void products.set(id, found),
        () => undefined,
      ),
    ),
  )
}
