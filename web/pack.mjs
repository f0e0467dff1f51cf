// Puts what a client's build made into web/dist/NAME, from where the server's build takes it, and beside every file that gets
// smaller by it the same file compressed.
//
//   node pack.mjs FOLDER NAME

import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const [folder, name] = process.argv.slice(2)
if (!folder || !name) throw new Error('say which folder to pack, and under which name')
const packed = join(import.meta.dirname, 'dist', name)

rmSync(packed, { recursive: true, force: true })
cpSync(folder, packed, { recursive: true })

/** Pictures and fonts of these kinds are compressed already. */
const DENSE = /\.(png|jpe?g|gif|webp|woff2?)$/
/** Below this the headers weigh more than what is saved. */
const SMALL = 512

let files = 0
let plain = 0
let sent = 0
for (const path of readdirSync(packed, { recursive: true }).map((file) => join(packed, file))) {
  if (!statSync(path).isFile()) continue
  const bytes = readFileSync(path)
  files += 1
  plain += bytes.length
  let smallest = bytes.length
  if (bytes.length >= SMALL && !DENSE.test(path)) {
    const brotli = brotliCompressSync(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    })
    for (const [ending, compressed] of [['br', brotli], ['gz', gzipSync(bytes, { level: 9 })]]) {
      if (compressed.length < bytes.length) writeFileSync(`${path}.${ending}`, compressed)
      smallest = Math.min(smallest, compressed.length)
    }
  }
  sent += smallest
}
console.log(`${name}: ${files} files, ${kilobytes(plain)} KB, ${kilobytes(sent)} KB as sent`)

function kilobytes(bytes) {
  return Math.round(bytes / 1024)
}
