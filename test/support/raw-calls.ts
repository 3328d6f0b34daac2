import { Channel } from '../../src/channel/channel.js'
import { codecFor } from '../../src/codec/codecs.js'
import type { Link } from '../../src/link/link.js'
import { createInProcessLinks } from '../../src/testing/in-process-link.js'
import { type AnswerRecord, parseAnswer, parseCall } from '../../src/wire/call-records.js'
import { RecordKind } from '../../src/wire/record-kind.js'
import { separated } from './call-bytes.js'

/** A record that the channel sent to its peer. */
export interface SentRecord {
  readonly kind: number
  readonly id: number
  readonly payload: Buffer
}

/** A channel, and the other end of its link without a channel: a peer that writes arbitrary records of calls. */
export interface RawCalls {
  readonly channel: Channel
  readonly peer: Link
  readonly sent: SentRecord[]
  /** The error that ended the channel. */
  readonly error: () => unknown
  /** Throws if the link is full. */
  readonly write: (kind: number, id: number, payload?: Uint8Array) => void
  readonly answers: (id: number) => AnswerRecord[]
  /** The ids of the calls that the channel made, by their method. */
  readonly callIds: (method: string) => number[]
}

export function rawCalls(codec: 'json' | 'bytes' = 'json', reads: () => boolean = () => true): RawCalls {
  const [peer, link] = createInProcessLinks(16 * 1024 * 1024)
  const sent: SentRecord[] = []
  peer.start({
    record: (kind, id, payload) => {
      sent.push({ kind, id, payload: Buffer.from(payload) })
      return reads()
    },
    drain: () => {},
    close: () => {},
  })
  const channel = new Channel({
    link,
    codec: codecFor(codec),
    maxMessageBytes: 1 << 20,
    maxDecodedBytes: 1 << 20,
  })
  let error: unknown
  channel.on('error', (thrown) => {
    error = thrown
  })
  return {
    channel,
    peer,
    sent,
    error: () => error,
    write: (kind, id, payload = Buffer.alloc(0)) => {
      if (peer.write(kind, id, payload, 0) !== payload.length) throw new Error('the link is full')
    },
    answers: (id) =>
      sent
        .flatMap(separated)
        .filter((one) => one.kind === RecordKind.ANSWER && one.id === id)
        .map(({ payload }) => parseAnswer(payload) as AnswerRecord),
    callIds: (method) =>
      sent.flatMap(({ kind, id, payload }) => {
        const call = kind === RecordKind.CALL ? parseCall(payload) : undefined
        return typeof call === 'object' && call.method === method ? [id] : []
      }),
  }
}
