import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Against real servers, see tests/house.ts. Each file has one of its own and a browser: more at once only makes all of them slow. */
const endToEnd = (name: string, include: string, env: Record<string, string> = {}) => ({
  extends: true as const,
  test: { name, include: [include], env, globalSetup: ['tests/server.ts'], testTimeout: 90_000, hookTimeout: 90_000, retry: process.env.CI ? 1 : 0 },
})

export default defineConfig({
  resolve: { alias: { '@fanpiao/api': here('../api/index.ts'), '@': here('./src') } },
  test: {
    reporters: ['default', '../failures.mjs'],
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'units', include: ['tests/units/*.test.ts'], testTimeout: 60_000 } },
      endToEnd('web', 'tests/web/*.test.ts'),
      endToEnd('mini', 'tests/mini/*.test.ts'),
      ...(process.env.FANPIAO_E2E_POSTGRES
        ? [endToEnd('web-postgres', 'tests/web/faults.test.ts', { E2E_ENGINE: 'postgres' })]
        : []),
    ],
  },
})
