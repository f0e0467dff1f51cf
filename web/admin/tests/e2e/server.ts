// The real server with the demo's house in it, one for each file of tests. `FANPIAO_SERVER` names the program; `cargo xtask test`
// builds it and says so.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterAll } from 'vitest'

import { freshDatabase } from '../../../postgres'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export const program = process.env.FANPIAO_SERVER ?? at('../../../../target/debug/fanpiao')

async function start() {
  if (!existsSync(program)) {
    throw new Error(`${program} is not there: run \`cargo build -p fanpiao\`, or name the program in FANPIAO_SERVER`)
  }
  const folder = mkdtempSync(join(tmpdir(), 'fanpiao-e2e-'))
  const database = process.env.E2E_ENGINE === 'postgres' ? freshDatabase() : undefined
  const server = spawn(program, ['demo', '--listen', '127.0.0.1:0', '--folder', folder, ...(database ? ['--database', database.url] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, FANPIAO_LOG__FILTER: 'warn' },
  })
  const stop = async () => {
    await ended(server)
    database?.drop()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const said = await readiness(server)
    const url = said.match(/listens on (http:\S+)/)![1]!
    const password = (account: string) => said.match(new RegExp(`${account}  (\\S+)`))![1]!
    await isCurrent(url, program)
    const wechat = said.match(/simulated WeChat (http:\S+)/)![1]!
    return { url, wechat, passwords: { admin: password('admin'), deptAdmin: password('zhou\\.min') }, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const { stop, ...server } = await start()
afterAll(stop)

/** Where it is, where the simulated WeChat beside it is, and who may sign in. */
export const { url, wechat, passwords } = server

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
