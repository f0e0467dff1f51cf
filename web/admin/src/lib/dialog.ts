import { ElMessage } from 'element-plus/es/components/message/index'
import 'element-plus/es/components/message/style/css'

export function done(message: string) {
  ElMessage({ type: 'success', message, duration: 2500, grouping: true })
}

export function warn(message: string) {
  ElMessage({ type: 'warning', message, duration: 6000, showClose: true, grouping: true })
}

export function failed(error: unknown) {
  ElMessage({ type: 'error', message: error instanceof Error ? error.message : String(error), duration: 8000, showClose: true })
}
