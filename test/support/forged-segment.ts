import { closeSync, fstatSync } from 'node:fs'
import { hostileNative, SEALS } from './hostile-native.js'

/** Offsets in a segment: docs/memory-layout.md. */
export const Word = {
  TAIL: 4096,
  HEAD: 4224,
  DATA_WAKE: 4352,
  ROOM_WAKE: 4480,
  SIGNAL: 4608,
  STATE: 4736,
  WAKE_SENT_AT: 4992,
  WOKEN_AT: 5000,
  ACCEPTED: 5008,
} as const

export const DATA_OFFSET = 8192
export const RING_BYTES = 65_536
export const RECORD_HEADER_BYTES = 16
const MAGIC = 'SHMWIRE1'
const HEADER_BYTES = 104
const PAGE_BYTES = 4096

export const Flag = { FIRST: 1, LAST: 2, WHOLE: 3 } as const
export const PAD = 2 ** 31

/** The ids of the records with which an elastic ring grows. */
export const GrowthStep = { OFFER: 1, MOVE: 2 } as const
const FEATURE_ELASTIC = 1n

export interface ForgedRecord {
  readonly length: number
  readonly kind?: number
  readonly flags?: number
  readonly id?: number
  readonly sequence?: number
}

export interface SegmentOptions {
  readonly ringBytes?: number
  /** The ring begins with 64 KiB, and `grow` makes it larger. */
  readonly elastic?: boolean
  /** The size of the memory, if it differs from that of a segment. */
  readonly bytes?: number
  readonly seals?: number
  /** Which pages exist. Pages that are only reserved do not, and those beyond the end do not count. `small`: those of a ring of 64 KiB. */
  readonly pages?: 'all' | 'small' | 'first' | 'reserved' | 'reserved beyond the end'
  readonly sealable?: boolean
  /** Changes the header before the memory is sealed. */
  readonly header?: (header: DataView) => void
}

const RESERVED_FROM = {
  all: () => 0,
  small: () => -1,
  first: () => -1,
  reserved: () => 0,
  'reserved beyond the end': (bytes: number) => bytes,
}

/** A segment that is valid until the test writes something else into it. */
export class ForgedSegment {
  readonly descriptor: number
  readonly ringBytes: number
  /** The whole memory, read-write. */
  readonly bytes: Uint8Array
  readonly #view: DataView
  #open = true
  /** Of the ring that the next record is in. */
  #capacity: number

  constructor(options: SegmentOptions = {}) {
    const { ringBytes = RING_BYTES, seals = SEALS, pages = 'all', sealable = true } = options
    const native = hostileNative()
    const size = options.bytes ?? DATA_OFFSET + ringBytes
    this.ringBytes = ringBytes
    this.#capacity = options.elastic === true ? RING_BYTES : ringBytes
    this.descriptor = native.memory(size, RESERVED_FROM[pages](size), sealable)
    if (this.descriptor < 0) throw new Error(`there is no memory of ${size} bytes`)
    const memory = size === 0 ? new ArrayBuffer(0) : native.map(this.descriptor, size, true)
    this.bytes = new Uint8Array(memory)
    this.#view = new DataView(memory)
    if (pages === 'all') this.bytes.fill(0)
    if (pages === 'small') this.bytes.fill(0, 0, DATA_OFFSET + RING_BYTES)
    if (size >= HEADER_BYTES) this.#writeHeader(options)
    if (sealable && native.seal(this.descriptor, seals) !== 0) throw new Error('the memory was not sealed')
  }

  #writeHeader({ elastic = false, header: change }: SegmentOptions): void {
    const view = this.#view
    this.bytes.set(Buffer.from(MAGIC, 'latin1'), 0)
    view.setUint16(8, 1, true)
    view.setUint32(12, 0x01020304, true)
    view.setUint32(16, HEADER_BYTES, true)
    view.setUint32(20, PAGE_BYTES, true)
    view.setBigUint64(24, BigInt(DATA_OFFSET + this.ringBytes), true)
    view.setUint32(32, 1, true)
    view.setUint32(36, Math.log2(this.ringBytes), true)
    view.setBigUint64(40, BigInt(PAGE_BYTES), true)
    view.setBigUint64(48, BigInt(DATA_OFFSET), true)
    view.setUint32(72, process.pid, true)
    if (elastic) view.setBigUint64(88, FEATURE_ELASTIC, true)
    change?.(view)
  }

  /** Bytes of the pages that exist, which may be less than the size. */
  get existingBytes(): number {
    return fstatSync(this.descriptor).blocks * 512
  }

  /** Makes the pages of the whole ring exist. */
  addPages(): void {
    this.bytes.fill(0, DATA_OFFSET + RING_BYTES)
  }

  /** From here on, records are in the whole ring. Returns the position of the next one, if MOVE ends at `position`. */
  grow(position: number): number {
    this.#capacity = this.ringBytes
    const next = Math.floor(position / this.ringBytes) * this.ringBytes + RING_BYTES
    return next < position ? next + this.ringBytes : next
  }

  /** A word of four or eight bytes, for a thread that changes it. */
  word(offset: number, bytes: 4 | 8): Uint8Array {
    return this.bytes.subarray(offset, offset + bytes)
  }

  store64(offset: number, value: bigint): void {
    Atomics.store(new BigUint64Array(this.bytes.buffer, offset, 1), 0, BigInt.asUintN(64, value))
  }

  store32(offset: number, value: number): void {
    Atomics.store(new Uint32Array(this.bytes.buffer, offset, 1), 0, value)
  }

  load64(offset: number): bigint {
    return Atomics.load(new BigUint64Array(this.bytes.buffer, offset, 1), 0)
  }

  publish(tail: bigint | number): void {
    this.store64(Word.TAIL, BigInt(tail))
  }

  /** Writes a record's header, and its payload where there is one, at a position. Returns the position behind it. */
  record(position: number, record: ForgedRecord, payload?: Uint8Array): number {
    const at = DATA_OFFSET + (position % this.#capacity)
    if (payload !== undefined) this.bytes.set(payload, at + RECORD_HEADER_BYTES)
    this.store64(at, headerWord(record))
    this.store64(at + 8, BigInt(record.id ?? 0) | (BigInt(record.sequence ?? 0) << 32n))
    const length = record.length % PAD
    return position + Math.ceil((RECORD_HEADER_BYTES + length) / 16) * 16
  }

  /** A message of kind 1 at a position, with the next sequence. Not published. */
  message(position: number, sequence: number, payload: Uint8Array): number {
    return this.record(position, { length: payload.length, sequence }, payload)
  }

  close(): void {
    if (this.#open) closeSync(this.descriptor)
    this.#open = false
  }
}

/** Length, kind and flags of a header, as the one word that a reader loads. */
export function headerWord({ length, kind = 1, flags = Flag.WHOLE }: ForgedRecord): bigint {
  return BigInt(length) | (BigInt(kind) << 32n) | (BigInt(flags) << 48n)
}
