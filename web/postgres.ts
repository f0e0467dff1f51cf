// A database of a test's own, on the server that FANPIAO_E2E_POSTGRES names; `psql` makes it, and drops it with whoever is still in it.

import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'

const SERVER = process.env.FANPIAO_E2E_POSTGRES

function run(sql: string): void {
  const { status, stderr, error } = spawnSync('psql', ['--no-psqlrc', '--quiet', '--no-password', '--set', 'ON_ERROR_STOP=1', '--command', sql, '--dbname', SERVER!], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`psql: ${error?.message ?? stderr}`)
}

export interface Database {
  url: string
  drop(): void
}

export function freshDatabase(): Database {
  if (!SERVER) throw new Error('FANPIAO_E2E_POSTGRES names no server: postgres://user@host:port/postgres')
  const name = `fanpiao_e2e_${randomBytes(8).toString('hex')}`
  run(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`)
  const url = new URL(SERVER)
  url.pathname = name
  return { url: url.href, drop: () => run(`DROP DATABASE ${name} WITH (FORCE)`) }
}
