import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import vue from '@vitejs/plugin-vue'
import { ElementPlusResolver } from 'unplugin-vue-components/resolvers'
import components from 'unplugin-vue-components/vite'
import { defineConfig } from 'vitest/config'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** How pages look is not the database's doing. */
const looks = 'pages.test.ts'
const jobs = readdirSync(at('tests/e2e')).filter((file) => file.endsWith('.test.ts') && file !== looks)
/** Every page's job is done on both engines; where time is short, on one of them, and half of the pages on each. */
const onBoth = !process.env.CI
const onSqlite = [looks, ...jobs.filter((_, place) => onBoth || place % 2 === 0)]
const onPostgres = jobs.filter((_, place) => onBoth || place % 2 === 1)

/** Against real servers, see tests/e2e/server.ts. Each file has one of its own and a browser: more at once only makes all of them slow. */
const endToEnd = (name: string, engine: 'sqlite' | 'postgres', files: string[]) => ({
  extends: true as const,
  test: {
    name,
    environment: 'node',
    include: files.map((file) => `tests/e2e/${file}`),
    env: { E2E_ENGINE: engine },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    retry: process.env.CI ? 1 : 0,
  },
})

export default defineConfig({
  base: '/admin/',
  plugins: [vue(), components({ resolvers: [ElementPlusResolver()], dirs: [], dts: false })],
  resolve: { alias: { '@': at('./src'), '@fanpiao/api': at('../api/index.ts'), '@fanpiao/limits': at('../api/limits.json') } },
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
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'unit', environment: 'jsdom', include: ['tests/unit/**/*.test.ts'], testTimeout: 60_000, server: { deps: { inline: ['element-plus'] } } } },
      endToEnd('e2e', 'sqlite', onSqlite),
      ...(process.env.FANPIAO_E2E_POSTGRES ? [endToEnd('e2e-postgres', 'postgres', onPostgres)] : []),
    ],
  },
})
