import { fileURLToPath } from 'node:url'
import uni from '@dcloudio/vite-plugin-uni'
import { defineConfig, type Plugin } from 'vite'

/** uni-app has its pages call hosts of its vendor after launch, for a shadow's picture. Ours call nobody but their own server. */
const ownHostOnly = (): Plugin => ({
  name: 'own-host-only',
  enforce: 'post',
  transform: {
    order: 'pre',
    handler(code, id) {
      if (!id.includes('uni-mp-weixin/dist/uni.mp.esm.js')) return
      const quiet = code.replace(/^\s*preloadAsset\(\);/m, '')
      if (quiet === code) this.error('uni-app changed: the call of preloadAsset() was not found')
      return { code: quiet, map: null }
    },
  },
  generateBundle: {
    order: 'post',
    handler(_, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type === 'asset' && file.fileName.endsWith('.css')) {
          file.source = String(file.source).replace(/background-image:\s*url\(https:[^)]*shadow-grey[^)]*\);?/g, '')
        }
      }
    },
  },
})

/** WeChat's screen reader goes by `aria-role`, which browsers take for a mistake. */
const ownRoles = (): Plugin => ({
  name: 'own-roles',
  enforce: 'pre',
  transform(code, id) {
    if (process.env.UNI_PLATFORM !== 'h5' || !/\/src\/.*\.vue$/.test(id)) return
    return { code: code.replace(/ :?aria-role="[^"]*"/g, ''), map: null }
  },
})

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  plugins: [ownRoles(), uni(), ownHostOnly()],
  resolve: { alias: { '@fanpiao/api': here('../api/index.ts'), '@': here('./src') } },
  css: { preprocessorOptions: { scss: { silenceDeprecations: ['legacy-js-api', 'import'] } } },
  server: { proxy: { '/api': process.env.FANPIAO_URL ?? 'http://127.0.0.1:8080' } },
})
