import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { Semaphore } from '../../semaphore.js'
import { HttpError } from './http-error.js'

/** A coding of answers. `identity`: none. */
export type ContentCoding = 'br' | 'gzip' | 'identity'

/** A shorter body does not get shorter by more than its headers. */
export const COMPRESSED_BYTES_MIN = 1024

/** In the order of our preference: brotli is smaller for the same CPU time. */
const CODINGS: readonly ContentCoding[] = ['br', 'gzip', 'identity']
const ALIASES: ReadonlyMap<string, ContentCoding> = new Map([['x-gzip', 'gzip']])
/** RFC 9110, 12.4.2. */
const MEMBER = /^([!#$%&'*+.^_`|~\w-]+)(?:[ \t]*;[ \t]*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/i
/** docs/decisions/0052 compares qualities. */
const BROTLI_QUALITY = 3
const GZIP_LEVEL = 6
/** zlib has 4 threads, which files and DNS need too. A running compression has up to 1 MiB of state, which a waiting one does not have yet. */
const COMPRESSIONS_AT_ONCE = 2

const compressBrotli = promisify(brotliCompress)
const compressGzip = promisify(gzip)
const compressions = new Semaphore(COMPRESSIONS_AT_ONCE)

/**
 * Selects the coding of a complete body from the header `accept-encoding` (RFC 9110, 12.5.3), before it is compressed. The answer needs
 * `vary: accept-encoding` whatever the coding is. Streams are never compressed: each message would need a flush of its own, which makes short
 * messages longer, and proxies that decompress could hold them back.
 *
 * Throws a 406 with the reason `NOT_ACCEPTABLE` for a client that accepts neither br, gzip nor a body without a coding.
 */
export function contentCodingOf(acceptEncoding: string | undefined, bodyBytes: number): ContentCoding {
  if (acceptEncoding === undefined) return 'identity'
  const weights = weightsOf(acceptEncoding)
  let best: ContentCoding | undefined
  let bestWeight = 0
  for (const coding of CODINGS) {
    const weight = weightOf(weights, coding)
    if (weight <= bestWeight) continue
    best = coding
    bestWeight = weight
  }
  if (best === undefined)
    throw new HttpError(
      406,
      'INVALID_ARGUMENT',
      'the header accept-encoding refuses all codings of the server; they are br, gzip and identity',
      { reason: 'NOT_ACCEPTABLE' },
    )
  const isShort = bodyBytes < COMPRESSED_BYTES_MIN
  return isShort && weightOf(weights, 'identity') > 0 ? 'identity' : best
}

/** The bytes of a complete body in a coding. At most two bodies are compressed at the same time, in the order of the calls. */
export function encodeBody(body: Uint8Array, coding: ContentCoding): Uint8Array | Promise<Uint8Array> {
  if (coding === 'identity') return body
  return compressions.run(() =>
    coding === 'gzip'
      ? compressGzip(body, { level: GZIP_LEVEL })
      : compressBrotli(body, {
          params: {
            [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
            [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
          },
        }),
  )
}

/** By coding, in lower case. Malformed members are ignored. */
function weightsOf(acceptEncoding: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>()
  for (const member of acceptEncoding.split(',')) {
    const [, name, weight = '1'] = MEMBER.exec(member.trim()) ?? []
    if (name === undefined) continue
    const coding = name.toLowerCase()
    weights.set(ALIASES.get(coding) ?? coding, Number(weight))
  }
  return weights
}

/** 0: the client refuses it. A body without a coding is acceptable unless the client says otherwise, but any coding it names is better. */
function weightOf(weights: ReadonlyMap<string, number>, coding: ContentCoding): number {
  const weight = weights.get(coding) ?? weights.get('*')
  if (weight !== undefined) return weight
  return coding === 'identity' ? Number.MIN_VALUE : 0
}
