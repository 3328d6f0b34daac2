import { EventEmitter } from 'node:events'
import { Duplex } from 'node:stream'
import { getHeapStatistics, queryObjects, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Channel, connect, listen } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { resourcesOf } from '../support/process-resources.js'
import { countFromEnvironment, newSeed, randomFrom } from '../support/random.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { eventually, turns } from '../support/turns.js'

/** In each of the cases below. */
const CONNECTS = countFromEnvironment('SHMWIRE_CONNECTS', 500)
const WARM_UP = 100
/** What the engine compiles meanwhile; a channel that were kept would be 10 KiB, and its slab more. */
const HEAP_NOISE_BYTES = 1024 * 1024
const TIMEOUT_MS = 120_000 + CONNECTS * 20

beforeAll(() => ensureBuilt())

beforeEach(() => void ownRuntimeDirectory())

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const KINDS = { Channel, EventEmitter, Duplex, Promise, ArrayBuffer, Function, Object }

/** How many objects of each kind a walk over the whole heap finds, as a heap snapshot does; of the last, all that there are. */
function objects(): [name: string, count: number][] {
  return Object.entries(KINDS).map(([name, kind]) => [name, queryObjects(kind, { format: 'count' })])
}

async function heap(): Promise<{ used: number; external: number; contexts: number }> {
  for (let count = 0; count < 3; count += 1) {
    collect()
    await turns(5)
  }
  const { used_heap_size: used, external_memory: external, number_of_native_contexts } = getHeapStatistics()
  return { used, external, contexts: number_of_native_contexts }
}

describe.each(['shm', 'socket'] as const)('over %s', (transport) => {
  const options = { transport, codec: 'bytes', ringBytes: 64 * 1024 } as const

  it(
    `${CONNECTS} channels that came and went leave nothing on either side, and each said so once`,
    async () => {
      const random = randomFrom(newSeed('connects'))
      const peer = new Child('busy-server', { args: ['peer', transport], ipc: true })
      expect(await peer.next()).toBe('listening')
      const own = await listen('own', options)
      own.on('channel', (channel) => channel.handle((value) => value))
      let closes = 0
      // How often each was collected; outside of the heap that is looked at.
      const collections = new Uint8Array(WARM_UP + CONNECTS)
      let collected = 0
      const registry = new FinalizationRegistry<number>((number) => {
        collections[number] = (collections[number] as number) + 1
        collected += 1
      })
      const comeAndGo = async (number: number): Promise<void> => {
        const channel = await connect(random() < 0.7 ? 'peer' : 'own', options)
        registry.register(channel, number)
        channel.on('close', () => {
          closes += 1
        })
        channel.on('message', () => {})
        await channel.request(Buffer.alloc(Math.floor(random() * 20_000)))
        // Half of them in order, the others with whatever is under way.
        if (random() < 0.5) return channel.close()
        channel.trySend(Buffer.alloc(10))
        channel.request(Buffer.alloc(10)).catch(() => {})
        channel.destroy()
      }
      const pid = peer.process.pid as number
      let before: { heap: Awaited<ReturnType<typeof heap>>; here: unknown; there: unknown } | undefined
      let objectsBefore: ReturnType<typeof objects> = []
      for (let number = 0; number < WARM_UP + CONNECTS; number += 1) {
        if (number === WARM_UP) {
          await eventually(() => own.channels.size === 0)
          before = { heap: await heap(), here: resourcesOf(), there: resourcesOf(pid) }
          objectsBefore = objects()
        }
        await comeAndGo(number)
      }
      await eventually(() => own.channels.size === 0)
      expect(closes).toBe(WARM_UP + CONNECTS)
      const after = await heap()
      console.log(`heap before ${JSON.stringify(before?.heap)}, after ${JSON.stringify(after)}`)
      expect(after.used - (before?.heap.used ?? 0)).toBeLessThan(HEAP_NOISE_BYTES)
      expect(after.external - (before?.heap.external ?? 0)).toBeLessThan(HEAP_NOISE_BYTES)
      expect(after.contexts).toBe(before?.heap.contexts)
      const objectsAfter = objects()
      console.log(`objects before ${objectsBefore.join(' ')}, after ${objectsAfter.join(' ')}`)
      // One object that each channel left behind would be twice as many.
      for (const [index, [name, count]] of objectsAfter.entries())
        expect(count - (objectsBefore[index]?.[1] ?? 0), name).toBeLessThan(CONNECTS / 2)
      await eventually(
        () =>
          JSON.stringify([resourcesOf(), resourcesOf(pid)]) === JSON.stringify([before?.here, before?.there]),
      )
      // The last one may still be in a register of this very function.
      await eventually(() => {
        collect()
        return collected >= WARM_UP + CONNECTS - 1
      })
      expect(Math.max(...collections)).toBe(1)
      await own.close()
    },
    TIMEOUT_MS,
  )
})
