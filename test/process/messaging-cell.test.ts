import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createCell } from '../../src/messaging/cell/create-cell.js'
import type { CellWatch, ValueInfo } from '../../src/messaging/cell/types.js'
import { watch } from '../../src/messaging/cell/watch.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { SOCKET_TRANSPORT } from '../support/local-address.js'
import { IS_WINDOWS } from '../support/not-on-windows.js'
import { countFromEnvironment, newSeed, randomFrom } from '../support/random.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { eventually } from '../support/turns.js'

/** In each of the cases below. */
const KILLS = countFromEnvironment('SHMWIRE_KILLS', 7)
const KILL_TIMEOUT_MS = 60_000 + KILLS * 8_000
const DELAY_MS_MAX = 80

beforeAll(() => ensureBuilt())

const open: AsyncDisposable[] = []
let directory = ''
beforeEach(() => {
  directory = ownRuntimeDirectory()
})
afterEach(async () => {
  await Promise.allSettled(open.splice(0).map((each) => each[Symbol.asyncDispose]()))
})

/** The number in a value, or undefined if the value is not whole. */
function numberOf(bytes: Buffer): number | undefined {
  const number = Number(bytes.readBigUInt64LE())
  const isWhole =
    bytes.length === 16 + ((number * 37) % 4000) &&
    bytes.subarray(8).every((byte) => byte === (number & 0xff))
  return isWhole ? number : undefined
}

/** The number of the last set that the writer has completed. */
function completed(): number {
  const bytes = readFileSync(join(directory, 'count'))
  return bytes.length === 8 ? Number(bytes.readBigUInt64LE()) : 0
}

async function startWriter(transport: string, first: number): Promise<{ writer: Child; epoch: string }> {
  const writer = new Child('cell-writer', {
    args: ['cell', transport, join(directory, 'count'), first],
    ipc: true,
  })
  const { epoch } = await writer.next<{ epoch: string }>()
  return { writer, epoch }
}

/** Checks each value of a watch: whole, and newer than the one before, over all writers. */
function checkValues(watched: CellWatch<Buffer>): { fault: string | undefined; last: number } {
  const result: { fault: string | undefined; last: number } = { fault: undefined, last: 0 }
  let known: ValueInfo | undefined
  watched.on('value', (bytes, info) => {
    const number = numberOf(bytes)
    if (number === undefined) result.fault ??= `a value of ${bytes.length} bytes is not whole`
    else if (number <= result.last) result.fault ??= `value ${number} after ${result.last}`
    if (info.initial !== (known === undefined)) result.fault ??= 'a wrong mark'
    if (known?.epoch === info.epoch && info.version <= known.version)
      result.fault ??= `version ${info.version} after ${known.version}`
    known = info
    result.last = number ?? result.last
  })
  return result
}

/** Topics and cells use the pipe on Windows. */
const TRANSPORTS = IS_WINDOWS ? (['socket'] as const) : (['shm', 'socket'] as const)

describe.each(TRANSPORTS)('a cell over %s', (transport) => {
  const options = { codec: 'bytes', channel: { transport, backOff: { minMs: 1, maxMs: 50 } } } as const
  const expected = transport === 'shm' ? 'shm' : SOCKET_TRANSPORT

  async function watchCell(): Promise<CellWatch<Buffer>> {
    const watched = await watch<Buffer>('cell', options)
    open.push(watched)
    expect(watched.transport).toBe(expected)
    return watched
  }

  it(
    `keeps a whole value, becomes stale and follows the next writer when the writer is killed while it sets, ${KILLS} times`,
    async () => {
      const random = randomFrom(newSeed('kill the writer'))
      let { writer, epoch } = await startWriter(transport, 1)
      const watches = [await watchCell(), await watchCell()]
      const [reading, idle] = watches as [CellWatch<Buffer>, CellWatch<Buffer>]
      const checked = checkValues(reading)
      let first = 1
      for (let kill = 0; kill < KILLS; kill += 1) {
        writer.send('set')
        await eventually(() => completed() > first)
        await sleep(random() * DELAY_MS_MAX)
        await writer.kill()
        const floor = completed()
        await eventually(() => watches.every(({ stale }) => stale))
        for (const watched of watches) {
          const number = numberOf(watched.get())
          // A set that has completed is not lost, and one that has not may be there.
          expect(number).toBeGreaterThanOrEqual(floor)
          expect(watched.epoch).toBe(epoch)
          first = Math.max(first, number as number)
        }
        await eventually(() => checked.last === numberOf(reading.get()))
        first += 1
        const before = epoch
        ;({ writer, epoch } = await startWriter(transport, first))
        expect(epoch).not.toBe(before)
        await eventually(() => watches.every((watched) => !watched.stale && watched.epoch === epoch))
        expect(numberOf(idle.get())).toBe(first)
      }
      await eventually(() => checked.last === first)
      expect(checked.fault).toBeUndefined()
    },
    KILL_TIMEOUT_MS,
  )

  it(
    `does not affect the writer and other watchers when a watcher is killed, ${KILLS} times`,
    async () => {
      const random = randomFrom(newSeed('kill a watcher'))
      const cell = await createCell('cell', Buffer.alloc(0), { codec: 'bytes', channel: { transport } })
      open.push(cell)
      const watched = await watchCell()
      let number = 0
      for (let kill = 0; kill < KILLS; kill += 1) {
        const mode = random() < 0.5 ? 'read' : 'sleep'
        const victim = new Child('cell-watcher', { args: ['cell', transport, mode], ipc: true })
        expect(await victim.next()).toEqual({ transport: expected })
        const death = { over: false }
        const killing = sleep(random() * DELAY_MS_MAX).then(async () => {
          await victim.kill()
          death.over = true
        })
        while (!death.over) {
          number += 1
          await cell.set(Buffer.from(String(number)))
          expect(String(watched.get())).toBe(String(number))
          if (number % 50 === 0) await sleep(1)
        }
        await killing
      }
      expect(number).toBeGreaterThan(KILLS)
      expect(watched.stale).toBe(false)
    },
    KILL_TIMEOUT_MS,
  )

  it('returns a new value in the process of a watcher that sleeps', async () => {
    const { writer } = await startWriter(transport, 1)
    const watched = await watchCell()
    const checked = checkValues(watched)
    await eventually(() => checked.last === 1)
    await sleep(50)
    writer.send('set')
    await eventually(() => checked.last > 500)
    expect(checked.fault).toBeUndefined()
    await writer.kill()
  })
})
