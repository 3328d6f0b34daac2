import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Channel, connect, ErrorCode, listen } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { expectNoChannels } from '../support/heap.js'
import { SOCKET_TRANSPORT } from '../support/local-address.js'
import { expectResources, resourcesOnceCollected } from '../support/process-resources.js'
import { countFromEnvironment, newSeed, randomFrom } from '../support/random.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { eventually } from '../support/turns.js'
// @ts-expect-error: plain JavaScript, shared with the children
import { faultOf as untypedFaultOf, message as untypedMessage } from './children/load.mjs'

const faultOf = untypedFaultOf as (bytes: Buffer, number: number) => string | undefined
const message = untypedMessage as (number: number) => Buffer

/** In each of the four cases below. */
const KILLS = countFromEnvironment('SHMWIRE_KILLS', 7)
const KILL_TIMEOUT_MS = 60_000 + KILLS * 5_000
const DELAY_MS_MAX = 60
const LANES = 50
const REQUESTS = 20
const OPTIONS = { codec: 'bytes', ringBytes: 64 * 1024 } as const

type Transport = 'shm' | 'socket'

beforeAll(() => ensureBuilt())

let directory = ''
beforeEach(() => {
  directory = ownRuntimeDirectory()
})

/** The events of one victim, as the survivor sees them. */
interface Account {
  received: number
  fault: string | undefined
  readonly endings: Promise<string[]>
}

/** Loads the channel in both directions, with requests that are never answered, until it breaks. */
function survive(channel: Channel): Account {
  const account: Account = { received: 0, fault: undefined, endings: Promise.resolve([]) }
  const codeOf = (error: unknown): string => (error as { code?: string }).code ?? String(error)
  const read = async (): Promise<string> => {
    try {
      for await (const bytes of channel) {
        account.fault ??= faultOf(bytes as Buffer, account.received)
        account.received += 1
      }
      return 'the loop ended in order'
    } catch (error) {
      return `loop ${codeOf(error)}`
    }
  }
  let sent = 0
  const lane = async (): Promise<string> => {
    try {
      for (;;) {
        const sending = channel.send(message(sent))
        sent += 1
        await sending
      }
    } catch (error) {
      return `send ${codeOf(error)}`
    }
  }
  const ask = (): Promise<string> =>
    channel.request(Buffer.alloc(10)).then(
      () => 'a request was answered',
      (error) => `request ${codeOf(error)}`,
    )
  const close = new Promise<string>((resolve) => {
    channel.once('close', (error) => resolve(`close ${codeOf(error)}`))
  })
  const runs = [
    read(),
    close,
    ...Array.from({ length: REQUESTS }, ask),
    ...Array.from({ length: LANES }, lane),
  ]
  return Object.assign(account, { endings: Promise.all(runs) })
}

function expectGone(endings: string[]): void {
  const gone = ErrorCode.PEER_GONE
  expect(new Set(endings)).toEqual(
    new Set([`loop ${gone}`, `close ${gone}`, `request ${gone}`, `send ${gone}`]),
  )
}

function committed(file: string): number {
  const bytes = readFileSync(file)
  return bytes.length === 8 ? Number(bytes.readBigUInt64LE()) : 0
}

function holdThread(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

/** Kills a victim under load and checks its channel in this process. Returns the number of committed messages. */
async function killOne(
  victim: Child,
  channel: Promise<Channel>,
  transport: Transport,
  delayMs: number,
): Promise<number> {
  const account = survive(await channel)
  expect((await channel).transport).toBe(transport === 'shm' ? 'shm' : SOCKET_TRANSPORT)
  expect(await victim.next()).toBe('running')
  await sleep(delayMs)
  // Meanwhile the victim fills its ring; when this thread polls again, the victim is already dead.
  holdThread(delayMs / 4)
  const killed = victim.kill()
  holdThread(delayMs / 4)
  expect(await killed).toMatchObject({ signal: 'SIGKILL' })
  expectGone(await account.endings)
  expect(account.fault).toBeUndefined()
  const promised = committed(join(directory, 'count'))
  // Over a socket, messages in the buffers of the victim are lost.
  if (transport === 'shm') expect(account.received).toBeGreaterThanOrEqual(promised)
  return promised
}

/** Runs one round for each kill. After each, this process holds the same as after the first one. */
async function expectNothingLeft(round: () => Promise<void>): Promise<void> {
  await round()
  await sleep(100)
  const before = await resourcesOnceCollected()
  for (let count = 1; count < KILLS; count += 1) {
    await round()
    await expectResources(before)
  }
  await expectNoChannels()
}

describe.each(['shm', 'socket'] as const)('a peer that is killed, over %s', (transport) => {
  it(
    `delivers all committed messages, then PEER_GONE, and frees its name, as the server, ${KILLS} times`,
    async () => {
      const random = randomFrom(newSeed('kill the server'))
      let promised = 0
      const round = async (): Promise<void> => {
        const victim = new Child('victim', {
          args: ['server', 'victim', transport, join(directory, 'count')],
          ipc: true,
        })
        expect(await victim.next()).toBe('listening')
        promised += await killOne(
          victim,
          connect('victim', { transport, ...OPTIONS }),
          transport,
          random() * DELAY_MS_MAX,
        )
        const successor = await listen('victim', { transport, ...OPTIONS })
        await successor.close()
        expect(readdirSync(directory).filter((name) => name !== 'count')).toEqual([])
      }
      await expectNothingLeft(round)
      expect(promised).toBeGreaterThan(0)
    },
    KILL_TIMEOUT_MS,
  )

  it(
    `delivers all committed messages, then PEER_GONE, to a server that continues, as the client, ${KILLS} times`,
    async () => {
      const random = randomFrom(newSeed('kill the client'))
      const server = await listen('survivor', { transport, ...OPTIONS })
      const files = readdirSync(directory)
      let promised = 0
      const round = async (): Promise<void> => {
        const channel = new Promise<Channel>((resolve) => {
          server.once('channel', resolve)
        })
        const victim = new Child('victim', {
          args: ['client', 'survivor', transport, join(directory, 'count')],
          ipc: true,
        })
        promised += await killOne(victim, channel, transport, random() * DELAY_MS_MAX)
        expect(server.channels.size).toBe(0)
        expect(readdirSync(directory).filter((name) => name !== 'count')).toEqual(files)
      }
      await expectNothingLeft(round)
      expect(promised).toBeGreaterThan(0)
      await server.close()
    },
    KILL_TIMEOUT_MS,
  )

  it(
    `leaves no resources in the server when it connects and closes repeatedly, ${KILLS} times`,
    async () => {
      const random = randomFrom(newSeed('kill while connecting'))
      const server = await listen('busy', { transport })
      server.on('channel', (channel) => channel.handle((value) => value))
      const ask = async (): Promise<void> => {
        const channel = await connect('busy', { transport })
        expect(await channel.request('still there?')).toBe('still there?')
        await channel.close()
      }
      const round = async (): Promise<void> => {
        const victim = new Child('reconnecting', { args: ['busy', transport], ipc: true })
        expect(await victim.next()).toBe('begun')
        await sleep(random() * DELAY_MS_MAX)
        await victim.kill()
        await ask()
        await eventually(() => server.channels.size === 0)
      }
      await expectNothingLeft(round)
      await server.close()
    },
    KILL_TIMEOUT_MS,
  )
})
