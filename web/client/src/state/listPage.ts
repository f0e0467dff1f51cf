import { onPullDownRefresh, onReachBottom, onShow } from '@dcloudio/uni-app'
import { useList, type Page } from './list'
import { session } from './session'

/** A list with a page of its own: loaded again when it is shown or pulled down, and further when its end is reached. */
export function useListPage<T>(load: (offset: number) => Promise<Page<T>>, id: (row: T) => number | string, name: () => string, shown = () => {}) {
  const list = useList(load, id, name)
  onShow(() => {
    if (!session.token) return uni.reLaunch({ url: '/pages/sign-in/index' })
    shown()
    void list.again()
  })
  onPullDownRefresh(async () => {
    await list.again()
    uni.stopPullDownRefresh()
  })
  onReachBottom(() => void list.next())
  return list
}
