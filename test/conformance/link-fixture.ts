import { afterEach, expect } from 'vitest'
import type { Link } from '../../src/link/link.js'
import { LinkEnd } from '../support/link-end.js'
import type { JoinLinks, LinkPairOptions } from '../support/link-pairs.js'
import { mixedLengths, Pattern } from '../support/pattern.js'
import { newSeed } from '../support/random.js'

/** A link implementation, as far as the contract leaves it free. */
export interface LinkImplementation {
  readonly name: string
  readonly join: JoinLinks
  /** The longest payload that is written whole or not at all, for a ring of so many bytes. */
  inlineBytesMax(ringBytes: number): number
  /** Whether what was written reaches the peer although the writer's side is destroyed right behind it. */
  readonly deliversAfterDestroy: boolean
}

export const RING_BYTES = 64 * 1024
export const MESSAGE_BYTES_MAX = 16 * RING_BYTES + 3
/** The most bytes that a writer can write without a reader: rings, socket buffers, chunks. */
export const UNREAD_BYTES_MAX = 32 * 1024 * 1024

/** Kinds of records. Links do not interpret them. */
export const MESSAGE = 1
export const LAST = 6

/** Shared by the parts of the suite: pairs of links, which end after each test, and records. */
export class LinkFixture {
  readonly name: string
  readonly implementation: LinkImplementation
  readonly inlineBytesMax: number
  readonly pattern: Pattern
  readonly #links: Link[] = []

  constructor(implementation: LinkImplementation) {
    this.name = implementation.name
    this.implementation = implementation
    this.inlineBytesMax = implementation.inlineBytesMax(RING_BYTES)
    const lengths = mixedLengths(this.inlineBytesMax, 4 * RING_BYTES)
    this.pattern = new Pattern(newSeed(`link ${this.name}`), MESSAGE_BYTES_MAX, lengths)
    afterEach(() => {
      for (const link of this.#links.splice(0)) link.destroy()
    })
  }

  /** Two ends; `start()` them in the test. */
  async join(options: Partial<LinkPairOptions> = {}): Promise<[LinkEnd, LinkEnd]> {
    const pair = await this.implementation.join({
      ringBytes: RING_BYTES,
      maxMessageBytes: MESSAGE_BYTES_MAX,
      ...options,
    })
    this.#links.push(...pair)
    return [new LinkEnd(pair[0]), new LinkEnd(pair[1])]
  }

  async joinStarted(): Promise<[LinkEnd, LinkEnd]> {
    const [left, right] = await this.join()
    return [left.start(), right.start()]
  }

  /** Checks that the end has had the first `count` messages of the pattern, and nothing else. */
  expectMessages(end: LinkEnd, count: number): void {
    expect(end.received.length).toBe(count)
    for (const [index, { id, payload }] of end.received.entries()) {
      const expected = this.pattern.message(index)
      if (id !== index || !payload.equals(expected)) {
        throw new Error(`record ${index} is ${id}, of ${payload.length} bytes, not ${expected.length}`)
      }
    }
  }
}
