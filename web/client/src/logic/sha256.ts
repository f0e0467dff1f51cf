/** FIPS 180-4. A mini program has no `crypto`, and who checks a draw should see all of it. */
export function sha256(message: number[]): number[] {
  const state = H.slice()
  const bits = message.length * 8
  const padded = [...message, 0x80]
  while (padded.length % 64 !== 56) padded.push(0)
  for (let shift = 7; shift >= 0; shift--) padded.push(Math.floor(bits / 2 ** (8 * shift)) & 255)

  const w = new Array<number>(64)
  for (let from = 0; from < padded.length; from += 64) {
    for (let at = 0; at < 16; at++) {
      const byte = from + at * 4
      w[at] = (padded[byte]! << 24) | (padded[byte + 1]! << 16) | (padded[byte + 2]! << 8) | padded[byte + 3]!
    }
    for (let at = 16; at < 64; at++) {
      const [x, y] = [w[at - 15]!, w[at - 2]!]
      const s0 = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)
      const s1 = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10)
      w[at] = (w[at - 16]! + s0 + w[at - 7]! + s1) | 0
    }
    let [a, b, c, d, e, f, g, h] = state as [number, number, number, number, number, number, number, number]
    for (let at = 0; at < 64; at++) {
      const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[at]! + w[at]!) | 0
      const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0
      ;[h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0]
    }
    ;[a, b, c, d, e, f, g, h].forEach((part, at) => (state[at] = (state[at]! + part) | 0))
  }
  return state.flatMap((word) => [(word >>> 24) & 255, (word >>> 16) & 255, (word >>> 8) & 255, word & 255])
}

const turn = (word: number, by: number) => (word >>> by) | (word << (32 - by))

const PRIMES = (() => {
  const found: number[] = []
  for (let number = 2; found.length < 64; number++) if (found.every((prime) => number % prime)) found.push(number)
  return found
})()
/** The first 32 bits of what stands behind the point. */
const fraction = (number: number) => Math.floor((number % 1) * 2 ** 32) | 0
const H = PRIMES.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)))
const K = PRIMES.map((prime) => fraction(Math.cbrt(prime)))

export const hex = (bytes: number[]) => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')
export const unhex = (text: string) => (text.match(/../g) ?? []).map((two) => Number.parseInt(two, 16))
