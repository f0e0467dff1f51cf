import { existsSync } from 'node:fs'
import { SERVER } from './house'

export default function setup(): void {
  if (!existsSync(SERVER)) throw new Error(`${SERVER} is not there: run \`cargo build -p fanpiao\`, or name the program in FANPIAO_SERVER`)
}
