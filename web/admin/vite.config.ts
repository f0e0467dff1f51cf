import { fileURLToPath } from 'node:url'

import vue from '@vitejs/plugin-vue'
import { ElementPlusResolver } from 'unplugin-vue-components/resolvers'
import components from 'unplugin-vue-components/vite'
import { defineConfig } from 'vitest/config'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Against a real server, see tests/e2e/server.ts; page after page, for there is one server and one browser. */
const endToEnd = (name: string, exclude: string[] = []) => ({
  extends: true as const,
  test: {
    name,
    environment: 'node',
    include: ['tests/e2e/**/*.test.ts'],
    exclude,
    fileParallelism: false,
    globalSetup: ['tests/e2e/server.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    retry: process.env.CI ? 1 : 0,
  },
})

export default defineConfig({
  base: '/admin/',
  plugins: [vue(), components({ resolvers: [ElementPlusResolver()], dirs: [], dts: false })],
  resolve: { alias: { '@': at('./src'), '@fanpiao/api': at('../api/index.ts') } },
  build: {
    // The server's policy allows no `data:` but for pictures, and small files are cheap on one connection.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [{ name: 'vue', test: /node_modules[\\/](vue|@vue|vue-router)[\\/]/, priority: 2 }],
        },
      },
    },
  },
  // `npm run dev` beside a `fanpiao demo` on its usual port.
  server: { proxy: { '/api': 'http://127.0.0.1:8080' } },
  test: {
    reporters: ['default', '../failures.mjs'],
    projects: [
      { extends: true, test: { name: 'unit', environment: 'jsdom', include: ['tests/unit/**/*.test.ts'], testTimeout: 60_000, server: { deps: { inline: ['element-plus'] } } } },
      endToEnd('e2e'),
      // How pages look is not the database's doing.
      ...(process.env.FANPIAO_E2E_POSTGRES ? [endToEnd('e2e-postgres', ['tests/e2e/pages.test.ts'])] : []),
    ],
  },
})
