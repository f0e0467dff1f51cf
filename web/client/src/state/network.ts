import { reactive } from 'vue'

export const network = reactive({ online: true })

export function watchNetwork(): void {
  // #ifdef H5
  // uni-app asks the kind of connection, which says nothing in many browsers.
  const look = () => (network.online = navigator.onLine)
  look()
  window.addEventListener('online', look)
  window.addEventListener('offline', look)
  // #endif
  // #ifdef MP-WEIXIN
  uni.getNetworkType({ success: (found) => (network.online = found.networkType !== 'none') })
  uni.onNetworkStatusChange((change) => (network.online = change.isConnected))
  // #endif
}
