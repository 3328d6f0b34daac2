import { readBatch } from '../../src/wire/call-batches.js'
import { AnswerFlag, CallFlag } from '../../src/wire/call-records.js'
import { encodeFrame } from '../../src/wire/frames.js'
import { RecordKind } from '../../src/wire/record-kind.js'

/** The parts of a CALL. They need not fit together. */
export interface CallParts {
  /** Default: those of the given parts, and END. */
  readonly flags?: number
  readonly method?: string | Buffer
  /** Default: the length of the method. */
  readonly methodBytes?: number
  readonly timeoutMs?: number
  readonly metadata?: Buffer
  /** Default: the length of the metadata. */
  readonly metadataBytes?: number
  /** With its encoding. */
  readonly message?: Buffer
}

/** A message in msgpack: a small integer. */
export const NUMBER = Buffer.from([1, 7])

export function callOf(parts: CallParts = {}): Buffer {
  const { method = '/echo', timeoutMs, metadata, message } = parts
  const name = latin1(method)
  const given =
    CallFlag.END |
    (timeoutMs === undefined ? 0 : CallFlag.TIMEOUT) |
    (metadata === undefined ? 0 : CallFlag.METADATA) |
    (message === undefined ? 0 : CallFlag.MESSAGE)
  const head = Buffer.from([parts.flags ?? given, parts.methodBytes ?? name.length])
  const blocks = [head, name]
  if (timeoutMs !== undefined) blocks.push(doubleOf(timeoutMs))
  if (metadata !== undefined) blocks.push(integersOf(parts.metadataBytes ?? metadata.length), metadata)
  if (message !== undefined) blocks.push(message)
  return Buffer.concat(blocks)
}

/** A CALL whose messages follow. */
export function openCallOf(method: string): Buffer {
  return callOf({ method, flags: 0 })
}

/** A value of metadata. */
export function metadataOf(name: string, value: string | Buffer): Buffer {
  const content = latin1(value)
  const length = Buffer.alloc(2)
  length.writeUInt16LE(content.length)
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name, 'latin1'), length, content])
}

/** Integers of 32 bits, as in a credit. */
export function integersOf(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, 4 * index)
  return bytes
}

/** A message of a batch, or bytes in place of one. */
export function batchedOf(message: Buffer): Buffer {
  return Buffer.concat([integersOf(message.length - 1), message])
}

/** The payload of a CALL_BATCH or an ANSWER_BATCH. */
export function batchOf(count: number, ...messages: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([count & 0xff, count >> 8]), ...messages.map(batchedOf)])
}

/** The record, or an ANSWER for each message of an ANSWER_BATCH. */
export function separated<Received extends { kind: number; payload: Buffer }>(record: Received): Received[] {
  if (record.kind !== RecordKind.ANSWER_BATCH) return [record]
  const answers: Received[] = []
  const fault = readBatch(record.payload, (encoding, bytes) => {
    const payload = Buffer.concat([Buffer.from([AnswerFlag.MESSAGE, encoding]), bytes])
    answers.push({ ...record, kind: RecordKind.ANSWER, payload })
    return undefined
  })
  if (fault !== undefined) throw new Error(fault)
  return answers
}

/** The frames of many records, made on demand. */
export function* framesOf(
  count: number,
  record: (index: number) => readonly [kind: number, id: number, payload: Uint8Array],
): Generator<Buffer> {
  for (let index = 0; index < count; index += 1) yield encodeFrame(...record(index))
}

/** One CALL after the other, with ids from 1. */
export function callsOf(count: number, payload: (id: number) => Uint8Array): Generator<Buffer> {
  return framesOf(count, (index) => [RecordKind.CALL, index + 1, payload(index + 1)])
}

function latin1(text: string | Buffer): Buffer {
  return typeof text === 'string' ? Buffer.from(text, 'latin1') : text
}

function doubleOf(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}
