import { describe, expect, it } from 'vitest'
import type { LinkEnd } from '../support/link-end.js'
import { mixedLengths, Pattern } from '../support/pattern.js'
import { countFromEnvironment, integerFrom, newSeed, type Random, randomFrom } from '../support/random.js'
import type { LinkImplementation } from './link-suite.js'

const RING_BYTES = 64 * 1024
const MESSAGE_BYTES_MAX = 5 * RING_BYTES
const SOAK_MESSAGES = 1_000_000
const SOAK_TIMEOUT_MS = 30 * 60_000
/** Messages that one turn writes at most. */
const BURST_MAX = 500

/**
 * Messages of random sizes in both directions at once, every byte checked, with readers and writers that pause
 * at random: nothing is lost, doubled, altered or moved.
 */
export function linkSoak(
  implementation: LinkImplementation,
  join: (options: { ringBytes: number; maxMessageBytes: number }) => Promise<[LinkEnd, LinkEnd]>,
): void {
  const count = countFromEnvironment('SHMWIRE_SOAK_MESSAGES', SOAK_MESSAGES)
  const { name } = implementation

  describe(`${name} link: soak`, () => {
    it(
      `carries ${count} messages of random sizes in each direction at once`,
      async () => {
        const seed = newSeed(`soak ${name}`)
        const lengths = mixedLengths(implementation.inlineBytesMax(RING_BYTES), MESSAGE_BYTES_MAX)
        const pattern = new Pattern(seed, MESSAGE_BYTES_MAX, lengths)
        const ends = await join({ ringBytes: RING_BYTES, maxMessageBytes: MESSAGE_BYTES_MAX })
        const runs = ends.map((end, side) => {
          const random = randomFrom(seed ^ (side + 1))
          return Promise.all([readAll(end, pattern, count, random), writeAll(end, pattern, count, random)])
        })
        for (const end of ends) end.start()
        await Promise.all(runs)
      },
      SOAK_TIMEOUT_MS,
    )
  })
}

function readAll(end: LinkEnd, pattern: Pattern, count: number, random: Random): Promise<void> {
  let next = 0
  let resolve: () => void = () => {}
  let reject: (error: Error) => void = () => {}
  const done = new Promise<void>((onDone, onFault) => {
    resolve = onDone
    reject = onFault
  })
  end.onRecord = ({ id, payload }) => {
    // Checked and forgotten.
    end.received.length = 0
    const expected = pattern.message(next)
    if (id !== next || Buffer.compare(payload, expected) !== 0) {
      reject(
        new Error(`record ${next}: got number ${id} of ${payload.length} bytes, expected ${expected.length} bytes`),
      )
      return true
    }
    next += 1
    if (next === count) resolve()
    if (random() > 0.002) return true
    if (random() < 0.7) setImmediate(() => end.link.resume())
    else setTimeout(() => end.link.resume(), integerFrom(random, 0, 2))
    return false
  }
  end.close = (error) => reject(new Error(`the link closed after ${next} records`, { cause: error }))
  return done.then(() => expect(next).toBe(count))
}

function writeAll(end: LinkEnd, pattern: Pattern, count: number, random: Random): Promise<void> {
  return new Promise((resolve) => {
    let index = 0
    let offset = 0
    let mayWrite = true
    let burst = 0
    const pause = (): void => {
      mayWrite = false
      const goOn = (): void => {
        mayWrite = true
        burst = 0
        write()
      }
      if (random() < 0.9) setImmediate(goOn)
      else setTimeout(goOn, integerFrom(random, 0, 2))
    }
    const write = (): void => {
      while (mayWrite) {
        if (index === count) return resolve()
        const payload = pattern.message(index)
        const end_ = end.link.write(1, index, payload, offset)
        if (end_ >= 0) offset = end_
        if (end_ !== payload.length) return
        index += 1
        offset = 0
        burst += 1
        if (burst === BURST_MAX || random() < 0.001) return pause()
      }
    }
    end.drain = () => write()
    setImmediate(write)
  })
}
