import type { Schemas } from '@/api'
import { hex, sha256, unhex } from './sha256'

export type Proof = Schemas['Proof']

/** What came of computing a draw again, step by step; each step that holds is true. */
export interface Checked {
  /** The secret is the one that was promised. */
  commitment: boolean
  /** Every share is there, once. */
  shares: boolean
  /** The number that comes out is the one that won. */
  winner: boolean
  number: number
  orderNo: string
}

/** As docs/draw.md says it; `promised` is the commitment that was seen before the draw, where one was. */
export function checkDraw(proof: Proof, promised?: string): Checked {
  const secret = unhex(proof.secret ?? '')
  const shares = [...proof.shares].sort((one, other) => one.number - other.number)
  const lines = shares.map((share) => `${share.number}:${share.order_no}\n`).join('')
  const digest = sha256([...secret, ...[...lines].map((letter) => letter.charCodeAt(0))])
  // The digest is one big number; only the remainder of its division is wanted.
  const number = digest.reduce((rest, byte) => (rest * 256 + byte) % proof.total_shares, 0) + 1
  const orderNo = shares[number - 1]?.order_no ?? ''
  return {
    commitment: secret.length === 32 && hex(sha256(secret)) === proof.commitment && (promised ?? proof.commitment) === proof.commitment,
    shares: shares.length === proof.total_shares && shares.every((share, at) => share.number === at + 1),
    winner: number === proof.winning_number && orderNo === proof.winning_order_no,
    number,
    orderNo,
  }
}
