import type { ShmwireError } from '../../src/errors.js'
import type { Link, LinkSink } from '../../src/link/link.js'

export interface ReceivedRecord {
  readonly kind: number
  readonly id: number
  readonly payload: Buffer
}

/**
 * One end of a link under test: keeps what arrives, writes what is to be sent as the contract demands, and
 * holds the link to its own part of it.
 */
export class LinkEnd implements LinkSink {
  readonly link: Link
  readonly received: ReceivedRecord[] = []
  /** The answer to a record; false pauses the link. May throw. */
  onRecord: (record: ReceivedRecord) => boolean = () => true
  /** May throw. */
  onBatchEnd: () => void = () => {}
  /** May throw, once this end has gone on writing. */
  onDrain: () => void = () => {}
  drains = 0
  closes: (ShmwireError | undefined)[] = []
  #inSink = false
  #outgoing: { kind: number; id: number; payload: Uint8Array; offset: number }[] = []
  #mayWrite = true
  #waiting: { condition: () => boolean; resolve: () => void }[] = []

  constructor(link: Link) {
    this.link = link
  }

  start(): this {
    this.link.start(this)
    return this
  }

  /** Writes in its turn. The payload must stay as it is until then. */
  send(kind: number, id: number, payload: Uint8Array): void {
    this.#outgoing.push({ kind, id, payload, offset: 0 })
    if (this.#mayWrite) this.#pump()
  }

  /** Nothing waits for room. */
  get idle(): boolean {
    return this.#outgoing.length === 0
  }

  record(kind: number, id: number, payload: Buffer): boolean {
    this.#enter('record')
    try {
      const record = { kind, id, payload }
      this.received.push(record)
      return this.onRecord(record)
    } finally {
      this.#leave()
    }
  }

  batchEnd(): void {
    this.#enter('batchEnd')
    try {
      this.onBatchEnd()
    } finally {
      this.#leave()
    }
  }

  drain(): void {
    this.#enter('drain')
    try {
      this.drains += 1
      this.#pump()
      this.onDrain()
    } finally {
      this.#leave()
    }
  }

  close(error?: ShmwireError): void {
    this.#enter('close')
    this.closes.push(error)
    this.#leave()
  }

  /** Resolves when the condition holds, which is checked after every call of the link. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (condition()) resolve()
      else this.#waiting.push({ condition, resolve })
    })
  }

  closed(): Promise<void> {
    return this.until(() => this.closes.length > 0)
  }

  #pump(): void {
    this.#mayWrite = true
    for (;;) {
      const head = this.#outgoing[0]
      if (head === undefined) return
      const offset = this.link.write(head.kind, head.id, head.payload, head.offset)
      if (offset >= 0) head.offset = offset
      if (offset !== head.payload.length) {
        this.#mayWrite = false
        return
      }
      this.#outgoing.shift()
    }
  }

  #enter(call: string): void {
    if (this.#inSink) throw new Error(`${call} was called from inside another call of the sink`)
    if (this.closes.length > 0) throw new Error(`${call} was called after close`)
    this.#inSink = true
  }

  #leave(): void {
    this.#inSink = false
    const met = this.#waiting.filter(({ condition }) => condition())
    this.#waiting = this.#waiting.filter((waiter) => !met.includes(waiter))
    for (const { resolve } of met) resolve()
  }
}
