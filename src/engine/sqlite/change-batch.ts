// Changes as bytes, for the thread of the store: each is u32 type · f64 number · f64 second number · u32 length · bytes. All types have the
// same form, so that one reader serves them all.
import type { JobChange } from '../../messaging/queue/job-store.js'
import { ByteReader } from './byte-reader.js'
import type { ByteWriter } from './byte-writer.js'
import { writeRecord } from './job-record.js'

export const ChangeType = {
  /** Numbers: sequence, time. Bytes: the record. */
  ADD: 1,
  /** Numbers: sequence, attempt. */
  ATTEMPT: 2,
  /** Numbers: sequence, time. */
  DELAY: 3,
  /** Number: sequence. */
  REMOVE: 4,
  /** Numbers: sequence, time. Bytes: the reason. */
  DEAD: 5,
  /** Number: sequence. */
  REVIVE: 6,
  /** Numbers: 0, time. Bytes: the id. */
  SEEN: 7,
  /** Numbers: 0, time. */
  FORGET: 8,
} as const

const NOTHING: Uint8Array = new Uint8Array(0)

interface ChangeForm {
  readonly type: number
  readonly sequence: number
  readonly value: number
  readonly text?: string
}

export interface ReadChange {
  readonly type: number
  readonly sequence: number
  readonly value: number
  readonly bytes: Uint8Array
}

/** Appends a change. */
export function writeChange(writer: ByteWriter, change: JobChange): void {
  if (change.type === 'add') {
    writeNumbers(writer, ChangeType.ADD, change.job.sequence, wholeMs(change.dueAtMs))
    writeRecord(writer, change.job)
    return
  }
  const { type, sequence, value, text } = formOf(change)
  const bytes = text === undefined ? NOTHING : Buffer.from(text)
  writeNumbers(writer, type, sequence, value)
  writer.uint32(bytes.length)
  writer.bytes(bytes)
}

function formOf(change: Exclude<JobChange, { type: 'add' }>): ChangeForm {
  switch (change.type) {
    case 'attempt':
      return { type: ChangeType.ATTEMPT, sequence: change.sequence, value: change.attempt }
    case 'delay':
      return { type: ChangeType.DELAY, sequence: change.sequence, value: wholeMs(change.dueAtMs) }
    case 'remove':
      return { type: ChangeType.REMOVE, sequence: change.sequence, value: 0 }
    case 'dead': {
      const { sequence, deadAtMs, reason } = change
      return { type: ChangeType.DEAD, sequence, value: wholeMs(deadAtMs), text: reason }
    }
    case 'revive':
      return { type: ChangeType.REVIVE, sequence: change.sequence, value: 0 }
    case 'seen':
      return { type: ChangeType.SEEN, sequence: 0, value: wholeMs(change.untilMs), text: change.id }
    case 'forget':
      return { type: ChangeType.FORGET, sequence: 0, value: Math.floor(change.untilMs) }
  }
}

export function* readChanges(batch: Uint8Array): Generator<ReadChange, void> {
  const reader = new ByteReader(batch)
  while (reader.remaining > 0) {
    const type = reader.uint32()
    const sequence = reader.float64()
    const value = reader.float64()
    yield { type, sequence, value, bytes: reader.bytes(reader.uint32()) }
  }
}

function writeNumbers(writer: ByteWriter, type: number, sequence: number, value: number): void {
  writer.uint32(type)
  writer.float64(sequence)
  writer.float64(value)
}

/** The columns are integers. A job that runs later than it could is correct, an earlier one is not. */
function wholeMs(timeMs: number): number {
  return Math.ceil(timeMs)
}
