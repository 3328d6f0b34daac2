import { afterEach } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import type { Transport } from '../../src/transport.js'
import type { ChannelPairOptions, JoinChannels } from '../support/channel-pairs.js'
import { mixedLengths, Pattern } from '../support/pattern.js'
import { newSeed } from '../support/random.js'

export interface ChannelImplementation {
  readonly name: string
  readonly transport: Transport
  /** Whether `join` takes the option `views`. */
  readonly views: boolean
  readonly join: JoinChannels
  /** The longest payload of one record. */
  inlineBytesMax(ringBytes: number): number
}

export const RING_BYTES = 64 * 1024
export const MESSAGE_BYTES_MAX = 16 * RING_BYTES + 3

/** Shared by the parts of the suite: pairs of channels, destroyed after each test, and messages for them. */
export class ChannelFixture {
  readonly name: string
  readonly transport: Transport
  readonly views: boolean
  readonly inlineBytesMax: number
  readonly pattern: Pattern
  readonly #join: JoinChannels
  readonly #channels = new Set<Channel>()

  constructor(implementation: ChannelImplementation) {
    this.name = implementation.name
    this.transport = implementation.transport
    this.views = implementation.views
    this.inlineBytesMax = implementation.inlineBytesMax(RING_BYTES)
    this.#join = implementation.join
    const lengths = mixedLengths(this.inlineBytesMax, 4 * RING_BYTES)
    this.pattern = new Pattern(newSeed(`channel over ${this.name}`), MESSAGE_BYTES_MAX, lengths)
    afterEach(() => {
      for (const channel of this.#channels) channel.destroy()
      this.#channels.clear()
    })
  }

  async join(options: ChannelPairOptions = {}): Promise<[Channel, Channel]> {
    const pair = await this.#join({
      ringBytes: RING_BYTES,
      maxMessageBytes: MESSAGE_BYTES_MAX,
      ...options,
    })
    for (const channel of pair) this.#channels.add(channel)
    return pair
  }

  /** Drops ended channels, for a test that creates thousands. */
  forget(channels: readonly Channel[]): void {
    for (const channel of channels) this.#channels.delete(channel)
  }
}

/** Resolves when the channel has ended, in order or not. */
export function ended(channel: Channel): Promise<void> {
  return new Promise((resolve) => {
    channel.once('close', () => resolve())
  })
}

/** Takes `count` messages in a loop and leaves it. */
export async function take(channel: Channel, count: number): Promise<Buffer[]> {
  const taken: Buffer[] = []
  if (count === 0) return taken
  for await (const message of channel) {
    taken.push(message)
    if (taken.length === count) break
  }
  return taken
}

/** Index of the first one that is not the expected one; -1 when all are. */
export function firstWrong(taken: Buffer[], message: (index: number) => Buffer): number {
  return taken.findIndex((bytes, index) => !bytes.equals(message(index)))
}
