/** A link with room for `room` bytes, which records its writes. */
export class NarrowLink {
  room = 0
  inlineBytesMax = 100
  readonly writes: { kind: number; id: number; bytes: string }[] = []
  #partial = ''

  write(kind: number, id: number, payload: Uint8Array, offset: number): number {
    const wanted = payload.length - offset
    // One byte of room stands for a header.
    if (this.room <= 0 || (wanted > this.room && payload.length <= this.inlineBytesMax)) return -1
    const bytes = Math.min(wanted, this.room)
    this.room -= Math.max(bytes, 1)
    this.#partial += Buffer.from(payload.subarray(offset, offset + bytes)).toString()
    if (offset + bytes === payload.length) {
      this.writes.push({ kind, id, bytes: this.#partial })
      this.#partial = ''
    }
    return offset + bytes
  }

  get got(): string[] {
    return this.writes.map(({ bytes }) => bytes)
  }
}
