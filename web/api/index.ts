// The one way in which our clients talk to the server: calls that are checked against its description, over whatever a platform
// has to send with. No fetch, URL or Headers here: a WeChat mini program has none of them.

import type { components, paths } from './schema'

export type Schemas = components['schemas']

export type Method = 'get' | 'post' | 'put' | 'delete'
export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never
}[keyof paths]

type Operation<P extends keyof paths, M extends Method> = M extends keyof paths[P] ? paths[P][M] : never
type Parameters<O> = O extends { parameters: infer A } ? A : never
type Query<O> =
  Parameters<O> extends { query: infer Q } ? { query: Q } : Parameters<O> extends { query?: infer Q } ? { query?: Q } : object
type PathParameters<O> = Parameters<O> extends { path: infer A } ? { path: A } : object
type Json<B> = B extends { content: { 'application/json': infer J } } ? J : never
type Body<O> = O extends { requestBody: infer B }
  ? { body: Json<B> }
  : O extends { requestBody?: infer B }
    ? { body?: Json<NonNullable<B>> }
    : object
type Data<O> = O extends { responses: { 200: { content: { 'application/json': { data: infer D } } } } } ? D : never

/** What an operation wants to be told. */
export type Asked<P extends keyof paths, M extends Method> = Query<Operation<P, M>> &
  PathParameters<Operation<P, M>> &
  Body<Operation<P, M>>

/** By what a list can be sorted. */
export type SortOf<P extends PathOf<'get'>> = NonNullable<Parameters<Operation<P, 'get'>> extends { query?: { sort?: infer S } } ? S : never>

/** The data of an operation's answer. */
export type Answered<P extends keyof paths, M extends Method> = Data<Operation<P, M>>

export interface Options {
  /** The idempotency key: made once for each thing that a person wants done, and kept until its outcome is known. */
  key?: string
  signal?: AbortSignal
}

export interface Request {
  method: string
  url: string
  headers: Record<string, string>
  body?: unknown
  signal?: AbortSignal
}

/** What a platform brings. It rejects where no answer came; `body` is the answer's JSON, or nothing where it was none. */
export type Transport = (request: Request) => Promise<{ status: number; body: unknown }>

export interface FieldProblem {
  field: string
  problem: string
}

/** What the server said when it did not do what was asked. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: Schemas['Failure']['error_code'] | 'NO_ANSWER',
    message: string,
    readonly details: Record<string, unknown>,
    readonly requestId: string,
  ) {
    super(message)
  }

  /** What is wrong with the request, field by field. */
  get fields(): FieldProblem[] {
    return (this.details.fields as FieldProblem[] | undefined) ?? []
  }

  /** Whether it may have been done all the same: ask again with the same key. */
  get isUnknown(): boolean {
    return this.code === 'NO_ANSWER' || this.code === 'OUTCOME_UNKNOWN' || this.status >= 500
  }
}

export interface Setting {
  token(): string | undefined
  language(): 'zh' | 'en'
  /** For the person, where no answer came. */
  noAnswer(): string
}

export type Api = ReturnType<typeof createApi>

export function createApi(send: Transport, setting: Setting) {
  async function call(method: string, path: string, asked: Asking, options: Options = {}): Promise<unknown> {
    const headers: Record<string, string> = { 'Accept-Language': setting.language() }
    const token = setting.token()
    if (token) headers.Authorization = `Bearer ${token}`
    if (options.key) headers['Idempotency-Key'] = options.key
    if (asked.body !== undefined) headers['Content-Type'] = 'application/json'
    const request: Request = { method: method.toUpperCase(), url: urlOf(path, asked), headers, body: asked.body }
    if (options.signal) request.signal = options.signal

    let answer
    try {
      answer = await send(request)
    } catch (error) {
      if (options.signal?.aborted) throw error
      throw new ApiError(0, 'NO_ANSWER', setting.noAnswer(), {}, '')
    }
    const body = (answer.body ?? {}) as Partial<Schemas['Failure']> & { data?: unknown }
    if (answer.status >= 200 && answer.status < 300) return body.data
    // What stands between us and the server may answer in its stead, and not in JSON.
    const message = body.message ?? `${setting.noAnswer()} (HTTP ${answer.status})`
    throw new ApiError(
      answer.status,
      body.error_code ?? 'NO_ANSWER',
      message,
      (body.details as Record<string, unknown> | undefined) ?? {},
      body.request_id ?? '',
    )
  }

  const verb =
    <M extends Method>(method: M) =>
    <P extends PathOf<M>>(
      path: P,
      ...rest: object extends Asked<P, M> ? [Asked<P, M>?, Options?] : [Asked<P, M>, Options?]
    ): Promise<Answered<P, M>> =>
      call(method, path, (rest[0] ?? {}) as Asking, rest[1]) as Promise<Answered<P, M>>

  return { get: verb('get'), post: verb('post'), put: verb('put'), delete: verb('delete') }
}

interface Asking {
  path?: Record<string, unknown>
  query?: Record<string, unknown>
  body?: unknown
}

/** The address with everything in its place; what is absent or null is left out of the query. */
export function urlOf(path: string, asked: Asking): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(asked.path?.[name])))
  const query = Object.entries(asked.query ?? {})
    .filter(([, value]) => value !== undefined && value !== null && value !== '')
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
  return query.length ? `${filled}?${query.join('&')}` : filled
}
