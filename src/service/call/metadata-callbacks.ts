import { runApart } from '../../uncaught.js'
import type { AnswerRecord } from '../../wire/call-records.js'
import { decodeMetadata, type Metadata } from './metadata.js'

/** The callbacks of a caller for the metadata of its answer. */
export interface MetadataCallbacks {
  readonly onHeaders: ((headers: Metadata) => void) | undefined
  readonly onTrailers: ((trailers: Metadata) => void) | undefined
}

/** Passes the metadata of an answer to the program, whose callbacks may end the call. Returns the fault of the peer, if there is one. */
export function reportMetadata(
  { headers, trailers }: Pick<AnswerRecord, 'headers' | 'trailers'>,
  callbacks: MetadataCallbacks,
): string | undefined {
  return report(headers, callbacks.onHeaders) ?? report(trailers, callbacks.onTrailers)
}

function report(
  bytes: Buffer | undefined,
  callback: ((metadata: Metadata) => void) | undefined,
): string | undefined {
  if (bytes === undefined) return undefined
  const metadata = decodeMetadata(bytes)
  if (metadata === undefined) return 'malformed metadata'
  if (callback !== undefined) runApart(() => callback(metadata))
  return undefined
}
