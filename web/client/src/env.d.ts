/// <reference types="vite/client" />

interface ImportMetaEnv {
  /** Where the server is, as https://meals.example.com. Empty on the web: the server that sent the page. */
  readonly VITE_API_BASE?: string
}

/** What WeChat has and uni-app has no types for. */
declare const wx: {
  openBusinessView?(options: { businessType: string; extraData: object; fail(said: { errMsg: string }): void }): void
}

declare module '*.vue' {
  import type { DefineComponent } from 'vue'
  const component: DefineComponent<object, object, unknown>
  export default component
}
