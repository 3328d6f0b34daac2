import { randomBytes } from 'node:crypto'
import type { PushPayload } from '../../observe/diagnostics-payloads.js'
import { checkWaitOptions, invalid, type WaitOptions } from '../../options.js'
import { encodeHeaders } from '../headers.js'
import type { MessageCodec } from '../message-codec.js'
import { encodeKey } from '../topic/key.js'
import type { PushedParts } from './job-frames.js'
import { ID_BYTES_MAX, isJobId } from './job-id.js'
import { givenTerms } from './job-terms.js'
import type { PushOptions } from './types.js'

const OPTION_NAMES: readonly string[] = [
  'attempts',
  'backOff',
  'timeLimitMs',
  'id',
  'delayMs',
  'key',
  'headers',
  'signal',
  'timeoutMs',
] satisfies (keyof PushOptions)[]

/** Names the request that a reply belongs to. */
export const CORRELATION_ID = 'correlation-id'

const ID_FORM = `a string of 1 to ${ID_BYTES_MAX} bytes without control characters and lone surrogates`
const PREFIX_BYTES = 12

/** A job with its options, encoded, and the limits of its push. */
export interface EncodedPush extends PushedParts {
  readonly wait: WaitOptions | undefined
}

/** Encodes the jobs of one program. */
export class JobEncoder {
  readonly #codec: MessageCodec
  /** Of the ids of this program: they are as good as random ones, and cost less. */
  readonly #prefix = `${randomBytes(PREFIX_BYTES).toString('base64url')}-`
  #count = 0

  constructor(codec: MessageCodec) {
    this.#codec = codec
  }

  /** The body is valid until the next call. Throws `INVALID_ARGUMENT`, `CODEC`, `MESSAGE_TOO_LARGE`. */
  encode(job: unknown, options: PushOptions | undefined): EncodedPush {
    if (options === undefined) {
      const body = this.#codec.encode(job)
      return {
        id: this.#newId(),
        dedup: false,
        key: undefined,
        headers: NO_BYTES,
        body,
        terms: undefined,
        wait: undefined,
      }
    }
    const { signal, timeoutMs } = checkWaitOptions(options, OPTION_NAMES)
    const { id, key } = options
    if (id !== undefined) checkId(id)
    if (key !== undefined) encodeKey(key)
    const headers = encodeHeaders(options.headers)
    const hasTerms =
      options.attempts !== undefined ||
      options.backOff !== undefined ||
      options.timeLimitMs !== undefined ||
      options.delayMs !== undefined
    const terms = hasTerms ? givenTerms(options) : undefined
    // Last, because the next message overwrites it, and the getters of the job are code of the program.
    const body = this.#codec.encode(job)
    return {
      id: id ?? this.#newId(),
      dedup: id !== undefined,
      key,
      headers,
      body,
      terms,
      wait: signal === undefined && timeoutMs === undefined ? undefined : { signal, timeoutMs },
    }
  }

  /** A job whose program waits for its result: the headers have a correlation id. Throws as `encode`. */
  encodeRequest(job: unknown, options: PushOptions = {}): EncodedPush {
    if (typeof options !== 'object' || options === null) throw invalid('options', options, 'an object')
    const correlation = options.headers?.[CORRELATION_ID] ?? options.id ?? this.#newId()
    return this.encode(job, { ...options, headers: { ...options.headers, [CORRELATION_ID]: correlation } })
  }

  #newId(): string {
    this.#count += 1
    return `${this.#prefix}${this.#count.toString(36)}`
  }
}

/** Completes the payload of an observed push. */
export function setEncoded(payload: PushPayload, { id, body }: EncodedPush): void {
  payload.id = id
  payload.byteLength = body.length
}

const NO_BYTES = encodeHeaders(undefined)

function checkId(id: unknown): void {
  if (typeof id !== 'string' || !isJobId(id)) throw invalid('id', id, ID_FORM)
}
