import { describe, it } from 'vitest'
import type { LinkEnd } from '../support/link-end.js'
import { mixedLengths, Pattern } from '../support/pattern.js'
import { countFromEnvironment, integerFrom, newSeed, type Random, randomFrom } from '../support/random.js'
import { type LinkFixture, RING_BYTES } from './link-fixture.js'

const MESSAGE_BYTES_MAX = 5 * RING_BYTES
const SOAK_MESSAGES = 1_000_000
const SOAK_TIMEOUT_MS = 30 * 60_000
/** The maximum of messages that one turn writes. */
const BURST_MAX = 500

/**
 * Messages of random sizes in both directions at once, every byte checked, with readers and writers that pause
 * at random: nothing is lost, duplicated, changed or reordered.
 */
export function linkSoak(fixture: LinkFixture): void {
  const { implementation, name } = fixture
  const count = countFromEnvironment('SHMWIRE_SOAK_MESSAGES', SOAK_MESSAGES)

  describe(`${name} link: soak`, () => {
    it(
      `carries ${count} messages of random sizes in each direction at once`,
      async () => {
        const seed = newSeed(`soak ${name}`)
        const lengths = mixedLengths(implementation.inlineBytesMax(RING_BYTES), MESSAGE_BYTES_MAX)
        const pattern = new Pattern(seed, MESSAGE_BYTES_MAX, lengths)
        const ends = await fixture.join({ ringBytes: RING_BYTES, maxMessageBytes: MESSAGE_BYTES_MAX })
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
    // Checked and dropped.
    end.received.length = 0
    const expected = pattern.message(next)
    if (id !== next || Buffer.compare(payload, expected) !== 0) {
      reject(
        new Error(
          `record ${next}: got number ${id} of ${payload.length} bytes, expected ${expected.length} bytes`,
        ),
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
  return done
}

function writeAll(end: LinkEnd, pattern: Pattern, count: number, random: Random): Promise<void> {
  return new Promise((resolve) => {
    let index = 0
    let offset = 0
    let pausing = false
    const goOn = (): void => {
      pausing = false
      write()
    }
    const pause = (): void => {
      pausing = true
      if (random() < 0.9) setImmediate(goOn)
      else setTimeout(goOn, integerFrom(random, 0, 2))
    }
    const write = (): void => {
      // `drain` may come during a pause.
      if (pausing) return
      for (let burst = 0; index < count; burst += 1) {
        if (burst === BURST_MAX || random() < 0.001) {
          pause()
          return
        }
        const payload = pattern.message(index)
        const taken = end.link.write(1, index, payload, offset)
        if (taken >= 0) offset = taken
        if (taken !== payload.length) return
        index += 1
        offset = 0
      }
      resolve()
    }
    end.drain = write
    setImmediate(write)
  })
}
