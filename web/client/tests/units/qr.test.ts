import { inflateSync } from 'node:zlib'
import jsQR from 'jsqr'
import { describe, expect, test } from 'vitest'
import { qr, qrPicture } from '@/logic/qr'

/** What somebody else's reader makes of it. */
function read(square: boolean[][]): string | undefined {
  const scale = 4
  const size = (square.length + 8) * scale
  const dots = new Uint8ClampedArray(size * size * 4).fill(255)
  square.forEach((row, r) =>
    row.forEach((dark, c) => {
      if (!dark) return
      for (let y = 0; y < scale; y++) for (let x = 0; x < scale; x++) dots.fill(0, (((r + 4) * scale + y) * size + (c + 4) * scale + x) * 4, (((r + 4) * scale + y) * size + (c + 4) * scale + x) * 4 + 3)
    }),
  )
  return jsQR(dots, size, size)?.data
}

describe('QR codes', () => {
  /** The most bytes that each version holds. */
  const MOST = [14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412]

  test.each(MOST.map((most, at) => ({ version: at + 1, most, least: at ? MOST[at - 1]! + 1 : 1 })))('version $version can be read, full and almost empty', ({ version, most, least }) => {
    for (const length of [least, most]) {
      const text = Array.from({ length }, (_, at) => String.fromCharCode(33 + ((at * 7 + length) % 90))).join('')
      const square = qr(text)
      expect(square.length).toBe(17 + version * 4)
      expect(read(square), `${length} bytes`).toBe(text)
    }
  })

  test('what is too long is refused', () => expect(() => qr('x'.repeat(413))).toThrow('413 bytes'))

  test.each(['weixin://wxpay/bizpayurl?pr=wx26112131415926535', 'https://meals.example.com/?a=b&c=饭票🍚', 'FP1.90210.1J7Q', '0'])('%s', (text) =>
    expect(read(qr(text))).toBe(text),
  )

  test('a spoiled module is mended', () => {
    const square = qr('weixin://wxpay/bizpayurl?pr=wx26112131415926535')
    for (const [row, column] of [[9, 9], [10, 14], [15, 20], [20, 12]] as const) square[row]![column] = !square[row]![column]
    expect(read(square)).toBe('weixin://wxpay/bizpayurl?pr=wx26112131415926535')
  })

  test('the picture is a PNG of the same square', () => {
    const text = 'weixin://wxpay/bizpayurl?pr=wx26112131415926535'
    const square = qr(text)
    const png = Buffer.from(qrPicture(text, 2).split(',')[1]!, 'base64')
    const size = (square.length + 8) * 2
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([size, size])
    const rows = inflateSync(png.subarray(41, 41 + png.readUInt32BE(33)))
    const stride = Math.ceil(size / 8) + 1
    const dark = (y: number, x: number) => ((rows[y * stride + 1 + (x >> 3)]! >> (7 - (x & 7))) & 1) === 0
    square.forEach((row, r) => row.forEach((wanted, c) => expect(dark((r + 4) * 2, (c + 4) * 2)).toBe(wanted)))
    expect(dark(0, 0)).toBe(false)
  })
})
