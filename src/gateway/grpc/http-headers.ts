import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'
import { isMetadataName, isMetadataText, Metadata } from '../../service/call/metadata.js'
import { type MetadataFilter, namePatterns, secretNames } from '../name-patterns.js'
import { isReservedName } from './reserved-names.js'

const BINARY_SUFFIX = '-bin'

/** The filter of the option `metadata`. By default, credentials and `secretHeaders` do not pass. Throws `INVALID_ARGUMENT`. */
export function metadataFilter(
  patterns: readonly string[] | undefined,
  secretHeaders: readonly string[] = [],
): MetadataFilter {
  if (patterns !== undefined) return namePatterns(patterns, isReservedName, secretHeaders)
  const secrets = secretNames(secretHeaders)
  return (name) => !secrets.has(name)
}

/** The metadata in the headers of a call. A header whose name or value metadata cannot have is left out; of several binary values, the last one remains. */
export function metadataOfHeaders(headers: IncomingHttpHeaders, passes: MetadataFilter): Metadata {
  const metadata = new Metadata()
  for (const name in headers) {
    if (isReservedName(name) || !isMetadataName(name) || !passes(name)) continue
    const value = headers[name]
    const text = Array.isArray(value) ? value.join(',') : value
    if (text === undefined) continue
    if (name.endsWith(BINARY_SUFFIX)) metadata.set(name, binaryValue(text))
    else if (isMetadataText(text)) metadata.set(name, text)
  }
  return metadata
}

/** Adds metadata to headers or trailers. */
export function addMetadata(
  headers: OutgoingHttpHeaders,
  metadata: Metadata | undefined,
  passes: MetadataFilter,
): void {
  if (metadata === undefined) return
  for (const [name, value] of metadata) {
    if (isReservedName(name) || !passes(name)) continue
    // HTTP/2 forbids spaces around a value.
    headers[name] = typeof value === 'string' ? value.trim() : encodeBinary(value)
  }
}

/** The value of a header whose name ends in `-bin`. */
export function encodeBinary(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
}

/** HTTP/2 joins several values with commas, which base64 does not have. */
function binaryValue(text: string): Buffer {
  return Buffer.from(text.slice(text.lastIndexOf(',') + 1).trim(), 'base64')
}
