import type { IncomingHttpHeaders } from 'node:http'
import { CORRELATION_ID } from '../../correlation.js'
import { isMetadataName, isMetadataText, Metadata } from '../../service/call/metadata.js'
import { type MetadataFilter, namePatterns } from '../name-patterns.js'

/** Headers of a request that always pass to the service. */
const TRACE_HEADERS = ['traceparent', 'tracestate', 'baggage'] as const
/** Metadata of an answer that is a header of the reply. */
const ANSWER_HEADERS: ReadonlySet<string> = new Set([
  'cache-control',
  'content-language',
  'deprecation',
  'etag',
  'expires',
  'last-modified',
  'link',
  'location',
  'retry-after',
  'sunset',
])
/** Headers of the connection and of the body, and those that shmwire and the gateway set themselves. */
const RESERVED =
  /^(?:grpc-|shmwire-|sec-|proxy-|(?:accept|accept-encoding|connection|content-encoding|content-length|content-type|date|expect|host|keep-alive|last-event-id|te|trailer|transfer-encoding|upgrade|x-correlation-id)$)/

/** The headers that pass a gateway. */
export class HeaderRules {
  readonly #passes: MetadataFilter | undefined

  /** Throws `INVALID_ARGUMENT`. */
  constructor(patterns: readonly string[] | undefined, secretHeaders: readonly string[]) {
    if (patterns !== undefined)
      this.#passes = namePatterns(patterns, (name) => RESERVED.test(name), secretHeaders)
  }

  /** The metadata of a call. A header whose value metadata cannot have is left out. */
  metadataOf(headers: IncomingHttpHeaders, correlationId: string): Metadata {
    const metadata = new Metadata()
    for (const name of TRACE_HEADERS) addTo(metadata, name, headers[name])
    const passes = this.#passes
    if (passes !== undefined)
      for (const name in headers)
        if (passes(name) && !RESERVED.test(name) && isMetadataName(name) && !name.endsWith('-bin'))
          addTo(metadata, name, headers[name])
    return metadata.set(CORRELATION_ID, correlationId)
  }

  /** Whether metadata of an answer is a header of the reply. */
  returns(name: string): boolean {
    if (ANSWER_HEADERS.has(name)) return true
    return this.#passes?.(name) === true && !RESERVED.test(name) && !name.endsWith('-bin')
  }
}

function addTo(metadata: Metadata, name: string, value: string | string[] | undefined): void {
  if (value === undefined) return
  const text = typeof value === 'string' ? value : value.join(',')
  if (isMetadataText(text)) metadata.set(name, text)
}
