/** Where texts are kept so that they outlive the app. */
export interface Shelf {
  get(name: string): string | undefined
  put(name: string, text: string): void
  drop(name: string): void
  names(): string[]
}

export interface Write {
  method: 'POST' | 'PUT' | 'DELETE'
  path: string
  body?: unknown
}

/** A write that was sent and whose outcome is not known yet. */
export interface Attempt {
  /** What it is about, as `meal:17`; one at a time. */
  about: string
  key: string
  write: Write
  at: number
}

/** The server keeps a key for a day at least; after that the same key could do the same thing twice. */
const LIFETIME = 23 * 3_600_000

/**
 * Writes on their way. An attempt is on the shelf before its first byte is sent and leaves it when its outcome is known, so a
 * retry carries the same key, also after the app was killed in between.
 */
export class Attempts {
  constructor(
    private readonly shelf: Shelf,
    private readonly prefix: string,
    private readonly now: () => number,
  ) {}

  begin(about: string, write: Write): Attempt {
    return { about, key: newKey(this.now()), write, at: this.now() }
  }

  /** Has to come before each sending. */
  keep(attempt: Attempt): void {
    this.shelf.put(this.prefix + attempt.about, JSON.stringify(attempt))
  }

  settle(about: string): void {
    this.shelf.drop(this.prefix + about)
  }

  open(about: string): Attempt | undefined {
    const text = this.shelf.get(this.prefix + about)
    if (!text) return undefined
    const attempt = read(text)
    if (attempt && this.now() - attempt.at < LIFETIME) return attempt
    this.settle(about)
    return undefined
  }

  all(): Attempt[] {
    const mine = this.shelf.names().filter((name) => name.startsWith(this.prefix))
    return mine.map((name) => this.open(name.slice(this.prefix.length))).filter((attempt) => attempt !== undefined)
  }
}

function read(text: string): Attempt | undefined {
  try {
    return JSON.parse(text) as Attempt
  } catch {
    return undefined
  }
}

/** Unique among one caller's keys, which is all a key has to be: a mini program has no `crypto`. */
function newKey(now: number): string {
  const chance = () => Math.floor(Math.random() * 36 ** 6).toString(36).padStart(6, '0')
  return `${now.toString(36)}-${chance()}${chance()}${chance()}`
}
