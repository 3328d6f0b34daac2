import { EventEmitter } from 'node:events'
import { Duplex } from 'node:stream'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Channel, connect, listen } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { collectGarbage } from '../support/garbage.js'
import { heapStatistics, objectsOf } from '../support/heap.js'
import { expectResources, resourcesOf, resourcesOnceCollected } from '../support/process-resources.js'
import { countFromEnvironment, newSeed, randomFrom } from '../support/random.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { eventually } from '../support/turns.js'

/** In each of the cases below. */
const CONNECTS = countFromEnvironment('SHMWIRE_CONNECTS', 500)
const WARM_UP = 100
/** Room for code that the engine compiles meanwhile. A leaked channel takes 10 KiB, and its slab more. */
const HEAP_NOISE_BYTES = 1024 * 1024
const TIMEOUT_MS = 120_000 + CONNECTS * 20

beforeAll(() => ensureBuilt())

beforeEach(() => void ownRuntimeDirectory())

const KINDS = { Channel, EventEmitter, Duplex, Promise, ArrayBuffer, Function, Object }

/** The count of each class; the last one, Object, counts all objects. */
function objects(): [name: string, count: number][] {
  return Object.entries(KINDS).map(([name, kind]) => [name, objectsOf(kind)])
}

describe.each(['shm', 'socket'] as const)('over %s', (transport) => {
  const options = { transport, codec: 'bytes', ringBytes: 64 * 1024 } as const

  it(
    `frees all resources on both sides and emits close once for each of ${CONNECTS} channels`,
    async () => {
      const random = randomFrom(newSeed('connects'))
      const peer = new Child('busy-server', { args: ['peer', transport], ipc: true })
      expect(await peer.next()).toBe('listening')
      const own = await listen('own', options)
      own.on('channel', (channel) => channel.on('message', () => {}).handle((value) => value))
      let closes = 0
      // Counts the collections of each channel, outside of the measured heap.
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
        // Half of them close in order; the others are destroyed with messages in transit.
        if (random() < 0.5) return channel.close()
        channel.trySend(Buffer.alloc(10))
        channel.request(Buffer.alloc(10)).catch(() => {})
        channel.destroy()
      }
      const pid = peer.process.pid as number
      const held = async () => ({
        heap: await heapStatistics(),
        objects: objects(),
        here: await resourcesOnceCollected(),
        there: resourcesOf(pid),
      })
      for (let number = 0; number < WARM_UP; number += 1) await comeAndGo(number)
      await eventually(() => own.channels.size === 0)
      const before = await held()
      for (let number = WARM_UP; number < WARM_UP + CONNECTS; number += 1) await comeAndGo(number)
      await eventually(() => own.channels.size === 0)
      expect(closes).toBe(WARM_UP + CONNECTS)
      await expectResources(before.here)
      await expectResources(before.there, pid)
      const after = await held()
      console.log(`heap before ${JSON.stringify(before.heap)}, after ${JSON.stringify(after.heap)}`)
      expect(after.heap.used - before.heap.used).toBeLessThan(HEAP_NOISE_BYTES)
      expect(after.heap.external - before.heap.external).toBeLessThan(HEAP_NOISE_BYTES)
      expect(after.heap.contexts).toBe(before.heap.contexts)
      console.log(`objects before ${before.objects.join(' ')}, after ${after.objects.join(' ')}`)
      // A leak of one object per channel would be twice as many.
      for (const [index, [name, count]] of after.objects.entries())
        expect(count - (before.objects[index]?.[1] ?? 0), name).toBeLessThan(CONNECTS / 2)
      // A register of this function may still hold the last one.
      await eventually(() => {
        collectGarbage()
        return collected >= WARM_UP + CONNECTS - 1
      })
      expect(Math.max(...collections)).toBe(1)
      await own.close()
    },
    TIMEOUT_MS,
  )
})
