import type { NativeBinding, NativeHandoverSocket } from '../../native/binding.js'
import type { NativeBroadcastReader, NativeBroadcastWriter } from '../../native/messaging-binding.js'
import { toShmwireError } from '../../native/native-error.js'
import { UnwokenReaders } from '../attach/unwoken-readers.js'
import type { OwnReader, RingReader, RingStart, RingWriter } from './ring.js'

/** The most messages of one `receive`. */
const RECORDS_MAX = 512
/** The addon, with the classes of topics. */
export type BroadcastBinding = NativeBinding &
  Required<Pick<NativeBinding, 'BroadcastWriter' | 'BroadcastReader'>>

/** Undefined on Windows, whose addon has no topics. */
export function broadcastBinding(binding: NativeBinding): BroadcastBinding | undefined {
  const { BroadcastWriter, BroadcastReader } = binding
  return BroadcastWriter === undefined || BroadcastReader === undefined
    ? undefined
    : (binding as BroadcastBinding)
}

/** The ring of a topic in shared memory. */
export class NativeRing implements RingWriter {
  readonly messageBytesMax: number
  readonly #binding: BroadcastBinding
  readonly #writer: NativeBroadcastWriter
  readonly #results: Float64Array
  readonly #onViolation: (reader: number) => void
  readonly #unwoken = new UnwokenReaders(() => this.#wakeUnwoken())

  /** `onViolation` gets the index of a blocking reader that broke the rules. Throws `OUT_OF_MEMORY`, `UNAVAILABLE`. */
  constructor(binding: BroadcastBinding, ringBytes: number, onViolation: (reader: number) => void) {
    this.#binding = binding
    this.messageBytesMax = binding.inlineBytesMax(ringBytes)
    this.#onViolation = onViolation
    try {
      this.#writer = new binding.BroadcastWriter({ ringBytes })
    } catch (error) {
      throw toShmwireError(error, 'the topic cannot create its memory')
    }
    this.#results = this.#writer.results
  }

  get wakes(): number {
    return this.#results[this.#binding.WRITER_RESULT_WAKES] as number
  }

  publish(payload: Uint8Array, prefix: Uint8Array, keyBytes: number): number {
    const sequence =
      prefix.length === 0 ? this.#writer.publish(payload) : this.#writer.publish(payload, prefix, keyBytes)
    if (this.#results[this.#binding.WRITER_RESULT_UNWOKEN] !== 0) this.#unwoken.wakeLater()
    this.#reportViolator()
    return sequence
  }

  slowest(): number {
    return this.#writer.slowest()
  }

  armForRoom(): boolean {
    const hasRoom = this.#writer.armForRoom()
    this.#reportViolator()
    return hasRoom
  }

  createReader(blocks: boolean): OwnReader {
    const reader = createNativeReader(this.#binding, blocks)
    try {
      return Object.assign(new NativeReader(this.#binding, reader), { index: reader.attachOwn(this.#writer) })
    } catch (error) {
      reader.close()
      throw toShmwireError(error, 'the topic has no room for a further subscriber')
    }
  }

  accept(socket: NativeHandoverSocket, token: Uint8Array, blocks: boolean): number {
    return this.#writer.accept(socket, token, blocks)
  }

  detach(reader: number): void {
    this.#writer.detach(reader)
  }

  close(): void {
    this.#unwoken.close()
    this.#writer.close()
  }

  #reportViolator(): void {
    const violator = this.#results[this.#binding.WRITER_RESULT_VIOLATOR] as number
    if (violator >= 0) this.#onViolation(violator)
  }

  /** True: some could not be woken again. */
  #wakeUnwoken(): boolean {
    this.#writer.wake()
    return this.#results[this.#binding.WRITER_RESULT_UNWOKEN] !== 0
  }
}

/** Reads the ring of a topic, of this process or of another one. */
export class NativeReader implements RingReader {
  readonly descriptors: Uint32Array
  readonly native: NativeBroadcastReader
  readonly #binding: BroadcastBinding
  readonly #results: Float64Array

  constructor(binding: BroadcastBinding, reader: NativeBroadcastReader) {
    this.#binding = binding
    this.native = reader
    this.descriptors = reader.descriptors
    this.#results = reader.results
  }

  get firstSequence(): number {
    return this.#results[this.#binding.READER_RESULT_SEQUENCE] as number
  }

  get lost(): number {
    return this.#results[this.#binding.READER_RESULT_LOST] as number
  }

  get requiredBytes(): number {
    return this.#results[this.#binding.READER_RESULT_REQUIRED] as number
  }

  get closed(): boolean {
    return this.#results[this.#binding.READER_RESULT_CLOSED] === 1
  }

  get writerWaits(): boolean {
    return this.#results[this.#binding.READER_RESULT_WRITER_WAITS] === 1
  }

  get preempted(): boolean {
    return this.#results[this.#binding.READER_RESULT_PREEMPTED] === 1
  }

  seek(start: RingStart): number {
    try {
      return this.#seek(start)
    } catch (error) {
      throw toShmwireError(error, `the reader cannot begin at ${start}`)
    }
  }

  receive(target: Uint8Array, spinNanos: number, yieldCpu: boolean): number {
    return this.native.receive(target, spinNanos, yieldCpu)
  }

  close(): void {
    this.native.close()
  }

  #seek(start: RingStart): number {
    const { SEEK_LAST, SEEK_NEXT, SEEK_OLDEST, SEEK_SEQUENCE } = this.#binding
    switch (start) {
      case 'next':
        return this.native.seek(SEEK_NEXT)
      case 'last':
        return this.native.seek(SEEK_LAST)
      case 'oldest':
        return this.native.seek(SEEK_OLDEST)
      default:
        return this.native.seek(SEEK_SEQUENCE, start)
    }
  }
}

/** A reader for the topic of another process. Throws errors of the addon. */
export function createNativeReader(binding: BroadcastBinding, blocks: boolean): NativeBroadcastReader {
  return new binding.BroadcastReader({ recordsMax: RECORDS_MAX, blocks })
}
