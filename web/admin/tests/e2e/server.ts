// The real server with the demo's house in it, on a port of its own. `FANPIAO_SERVER` names the program; `cargo xtask test`
// builds it and says so. The project `e2e-postgres` runs on the database that `FANPIAO_E2E_POSTGRES` names.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    url: string
    /** The simulated WeChat beside it. */
    wechat: string
    admin: string
    deptAdmin: string
    engine: string
  }
}

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export const program = process.env.FANPIAO_SERVER ?? at('../../../../target/debug/fanpiao')

export default async function setup(project: TestProject) {
  if (!existsSync(program)) {
    throw new Error(`${program} is not there: run \`cargo build -p fanpiao\`, or name the program in FANPIAO_SERVER`)
  }
  const onPostgres = project.name.endsWith('postgres')
  const folder = mkdtempSync(join(tmpdir(), 'fanpiao-e2e-'))
  const database = onPostgres ? ['--database', process.env.FANPIAO_E2E_POSTGRES!] : []
  const server = spawn(program, ['demo', '--listen', '127.0.0.1:0', '--folder', folder, ...database], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, FANPIAO_LOG__FILTER: 'warn' },
  })
  const stop = async () => {
    await ended(server)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const said = await readiness(server)
    const url = said.match(/listens on (http:\S+)/)![1]!
    const password = (account: string) => said.match(new RegExp(`${account}  (\\S+)`))![1]!
    await isCurrent(url, program)
    project.provide('url', url)
    project.provide('wechat', said.match(/simulated WeChat (http:\S+)/)![1]!)
    project.provide('admin', password('admin'))
    project.provide('deptAdmin', password('zhou\\.min'))
    project.provide('engine', onPostgres ? 'postgres' : 'sqlite')
  } catch (error) {
    await stop()
    throw error
  }
  return stop
}

/** What it prints until it listens. */
export function readiness(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    server.stdout!.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (/listens on http:\S+\n/.test(said)) resolve(said)
    })
    server.once('exit', (code) => reject(new Error(`the server ended with ${code} before it listened: ${said}`)))
    server.once('error', reject)
  })
}

/** Otherwise the tests would look at the client of the day before. */
async function isCurrent(url: string, program: string) {
  const served = await (await fetch(`${url}/admin/`)).text()
  if (served !== readFileSync(at('../../../dist/admin/index.html'), 'utf8')) {
    throw new Error(`${program} holds another build of the console than web/dist: build the server again`)
  }
}

export function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    server.once('exit', () => resolve())
    server.kill('SIGTERM')
  })
}
