/**
 * QR codes, model 2, bytes, error correction M: a text becomes a square of dark and light. ISO/IEC 18004 is what the numbers here
 * come from. Versions 1 to 15 hold up to 412 bytes, which is more than any code that we show.
 */
const MOST_VERSION = 15

/** Of each version: error correction codewords a block, blocks, and the data codewords of the shorter ones. */
const BLOCKS: [ec: number, blocks: number, data: number, longer: number][] = [
  [10, 1, 16, 0],
  [16, 1, 28, 0],
  [26, 1, 44, 0],
  [18, 2, 32, 0],
  [24, 2, 43, 0],
  [16, 4, 27, 0],
  [18, 4, 31, 0],
  [22, 4, 38, 2],
  [22, 5, 36, 2],
  [26, 5, 43, 1],
  [30, 5, 50, 4],
  [22, 8, 36, 2],
  [22, 9, 37, 1],
  [24, 9, 40, 5],
  [24, 10, 41, 5],
]

/** Rows of modules; true is dark. */
export function qr(text: string): boolean[][] {
  const bytes = utf8(text)
  const version = BLOCKS.findIndex((_, at) => bytes.length <= capacity(at + 1)) + 1
  if (version < 1 || version > MOST_VERSION) throw new RangeError(`${bytes.length} bytes are too many for a QR code`)
  const words = interleaved(version, dataWords(version, bytes))
  const candidates = Array.from({ length: 8 }, (_, mask) => drawn(version, words, mask))
  const penalties = candidates.map(penalty)
  return candidates[penalties.indexOf(Math.min(...penalties))]!
}

const dataCount = (version: number) => {
  const [, blocks, data, longer] = BLOCKS[version - 1]!
  return blocks * data + longer
}
const lengthBits = (version: number) => (version < 10 ? 8 : 16)
const capacity = (version: number) => dataCount(version) - (lengthBits(version) === 8 ? 2 : 3)

function utf8(text: string): number[] {
  const bytes: number[] = []
  for (const sign of text) {
    const code = sign.codePointAt(0)!
    if (code < 0x80) bytes.push(code)
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63))
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63))
    else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63))
  }
  return bytes
}

function dataWords(version: number, bytes: number[]): number[] {
  const bits: number[] = []
  const put = (value: number, count: number) => {
    for (let at = count - 1; at >= 0; at--) bits.push((value >> at) & 1)
  }
  put(0b0100, 4)
  put(bytes.length, lengthBits(version))
  for (const byte of bytes) put(byte, 8)
  put(0, 4)
  while (bits.length % 8) bits.push(0)
  const words = Array.from({ length: bits.length / 8 }, (_, at) => bits.slice(at * 8, at * 8 + 8).reduce((sum, bit) => sum * 2 + bit, 0))
  const count = dataCount(version)
  for (let filler = 0xec; words.length < count; filler ^= 0xec ^ 0x11) words.push(filler)
  return words.slice(0, count)
}

function interleaved(version: number, words: number[]): number[] {
  const [ec, blocks, data, longer] = BLOCKS[version - 1]!
  const parts: number[][] = []
  for (let at = 0, from = 0; at < blocks; at++) {
    const length = data + (at >= blocks - longer ? 1 : 0)
    parts.push(words.slice(from, from + length))
    from += length
  }
  const checks = parts.map((part) => remainder(part, ec))
  const across = (rows: number[][], most: number) =>
    Array.from({ length: most }, (_, at) => rows.map((row) => row[at]).filter((word) => word !== undefined)).flat()
  return [...across(parts, data + 1), ...across(checks, ec)]
}

/** In the field of 256 elements that x^8 + x^4 + x^3 + x^2 + 1 makes. */
function times(a: number, b: number): number {
  let product = 0
  for (; b; b >>= 1) {
    if (b & 1) product ^= a
    a = (a << 1) ^ (a & 0x80 ? 0x11d : 0)
  }
  return product
}

/** Reed and Solomon's: what is left of the message divided by (x - 1)(x - 2)(x - 4)… */
function remainder(message: number[], count: number): number[] {
  let divisor = [1]
  for (let at = 0, root = 1; at < count; at++, root = times(root, 2)) {
    const next = [...divisor, 0]
    divisor.forEach((factor, power) => (next[power + 1]! ^= times(factor, root)))
    divisor = next
  }
  const rest = [...message, ...Array<number>(count).fill(0)]
  for (let at = 0; at < message.length; at++) {
    const factor = rest[at]!
    if (factor) divisor.forEach((part, power) => (rest[at + power]! ^= times(part, factor)))
  }
  return rest.slice(message.length)
}

const MASKS: ((row: number, column: number) => boolean)[] = [
  (r, c) => (r + c) % 2 === 0,
  (r) => r % 2 === 0,
  (_, c) => c % 3 === 0,
  (r, c) => (r + c) % 3 === 0,
  (r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2 === 0,
  (r, c) => ((r * c) % 2) + ((r * c) % 3) === 0,
  (r, c) => (((r * c) % 2) + ((r * c) % 3)) % 2 === 0,
  (r, c) => (((r + c) % 2) + ((r * c) % 3)) % 2 === 0,
]

function drawn(version: number, words: number[], mask: number): boolean[][] {
  const size = version * 4 + 17
  const square: (boolean | undefined)[][] = Array.from({ length: size }, () => Array<boolean | undefined>(size).fill(undefined))
  const set = (row: number, column: number, dark: boolean) => {
    if (row >= 0 && column >= 0 && row < size && column < size) square[row]![column] = dark
  }
  const ring = (row: number, column: number, reach: number, dark: (distance: number) => boolean) => {
    for (let r = -reach; r <= reach; r++) for (let c = -reach; c <= reach; c++) set(row + r, column + c, dark(Math.max(Math.abs(r), Math.abs(c))))
  }

  for (const [row, column] of [[3, 3], [3, size - 4], [size - 4, 3]] as const) ring(row, column, 4, (distance) => distance !== 2 && distance !== 4)
  const centres = alignments(version)
  for (const row of centres) {
    for (const column of centres) if (square[row]![column] === undefined) ring(row, column, 2, (distance) => distance !== 1)
  }
  for (let at = 8; at < size - 8; at++) {
    square[6]![at] ??= at % 2 === 0
    square[at]![6] ??= at % 2 === 0
  }
  format(mask).forEach((dark, at) => {
    // Twice: around the upper left corner, and along the other two.
    if (at < 6) set(8, at, dark)
    else if (at < 8) set(8, at + 1, dark)
    else set(at === 8 ? 7 : 14 - at, 8, dark)
    if (at < 7) set(size - 1 - at, 8, dark)
    else set(8, size - 15 + at, dark)
  })
  set(size - 8, 8, true)
  if (version >= 7) {
    checked(version, 6, 0x1f25, 12).reverse().forEach((dark, at) => {
      const [long, short] = [Math.floor(at / 3), size - 11 + (at % 3)]
      set(long, short, dark)
      set(short, long, dark)
    })
  }

  // Two columns at a time, from the right, up and down by turns; the column of the timing marks is left out.
  let at = 0
  for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
    if (right === 6) right--
    for (let step = 0; step < size; step++) {
      const row = up ? size - 1 - step : step
      for (const column of [right, right - 1]) {
        if (square[row]![column] !== undefined) continue
        const bit = ((words[at >> 3] ?? 0) >> (7 - (at & 7))) & 1
        at++
        square[row]![column] = (bit === 1) !== MASKS[mask]!(row, column)
      }
    }
  }
  return square as boolean[][]
}

function alignments(version: number): number[] {
  if (version === 1) return []
  const size = version * 4 + 17
  const gaps = Math.floor(version / 7) + 1
  const step = Math.ceil((size - 13) / gaps / 2) * 2
  return [6, ...Array.from({ length: gaps }, (_, at) => size - 7 - step * (gaps - 1 - at))]
}

/** A number, `bits` long, and after it what `bits` of division by a polynomial leave; the highest bit first. */
function checked(value: number, bits: number, polynomial: number, check: number): boolean[] {
  let rest = value << check
  for (let at = bits + check - 1; at >= check; at--) if ((rest >> at) & 1) rest ^= polynomial << (at - check)
  const whole = (value << check) | rest
  return Array.from({ length: bits + check }, (_, at) => ((whole >> (bits + check - 1 - at)) & 1) === 1)
}

const format = (mask: number) => checked(mask, 5, 0x537, 10).map((dark, at) => dark !== (((0x5412 >> (14 - at)) & 1) === 1))

/** How hard a square is to read. */
function penalty(square: boolean[][]): number {
  const size = square.length
  const columns = square.map((_, at) => square.map((row) => row[at]!))
  let sum = 0
  for (const line of [...square, ...columns]) {
    const text = line.map(Number).join('')
    for (const run of text.match(/0{5,}|1{5,}/g) ?? []) sum += run.length - 2
    for (let at = 0; at <= size - 11; at++) {
      const part = text.slice(at, at + 11)
      if (part === '10111010000' || part === '00001011101') sum += 40
    }
  }
  for (let row = 1; row < size; row++) {
    for (let column = 1; column < size; column++) {
      const dark = square[row]![column]
      if (dark === square[row - 1]![column] && dark === square[row]![column - 1] && dark === square[row - 1]![column - 1]) sum += 3
    }
  }
  const share = square.flat().filter(Boolean).length / size / size
  return sum + Math.floor(Math.abs(share * 20 - 10)) * 10
}

/** As a picture, in the address of an image: a PNG of one bit a dot, not compressed, with the quiet margin around it. */
export function qrPicture(text: string, scale = 8): string {
  const square = qr(text)
  const size = (square.length + 8) * scale
  const stride = Math.ceil(size / 8)
  const rows: number[] = []
  for (let y = 0; y < size; y++) {
    const modules = square[Math.floor(y / scale) - 4]
    const row = Array<number>(stride + 1).fill(0xff)
    row[0] = 0
    for (let x = 0; modules && x < size; x++) if (modules[Math.floor(x / scale) - 4]) row[1 + (x >> 3)]! &= ~(0x80 >> (x & 7)) & 0xff
    rows.push(...row)
  }
  const deflated = [0x78, 0x01]
  for (let from = 0; from < rows.length; from += 0xffff) {
    const part = rows.slice(from, from + 0xffff)
    deflated.push(from + part.length >= rows.length ? 1 : 0, part.length & 255, part.length >> 8, ~part.length & 255, (~part.length >> 8) & 255, ...part)
  }
  deflated.push(...four(adler32(rows)))
  const png = [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, ...chunk('IHDR', [...four(size), ...four(size), 1, 0, 0, 0, 0]), ...chunk('IDAT', deflated), ...chunk('IEND', [])]
  return `data:image/png;base64,${base64(png)}`
}

const four = (number: number) => [(number >>> 24) & 255, (number >>> 16) & 255, (number >>> 8) & 255, number & 255]

function chunk(name: string, data: number[]): number[] {
  const named = [...[...name].map((letter) => letter.charCodeAt(0)), ...data]
  return [...four(data.length), ...named, ...four(crc32(named))]
}

function adler32(bytes: number[]): number {
  let [a, b] = [1, 0]
  for (const byte of bytes) {
    a = (a + byte) % 65521
    b = (b + a) % 65521
  }
  return ((b << 16) | a) >>> 0
}

function crc32(bytes: number[]): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}

function base64(bytes: number[]): string {
  const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const [a, b, c] = [bytes[at]!, bytes[at + 1], bytes[at + 2]]
    text += LETTERS[a >> 2]! + LETTERS[((a & 3) << 4) | ((b ?? 0) >> 4)]!
    text += (b === undefined ? '=' : LETTERS[((b & 15) << 2) | ((c ?? 0) >> 6)]!) + (c === undefined ? '=' : LETTERS[c & 63]!)
  }
  return text
}
