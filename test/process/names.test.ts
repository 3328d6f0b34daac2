import { readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Channel, connect, ErrorCode, listen, type Server } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { expectResources, resourcesOnceCollected } from '../support/process-resources.js'
import { ownRuntimeDirectory, temporaryDirectory } from '../support/temporary-directory.js'
import { collectUncaught } from '../support/uncaught.js'

const NAME = 'wanted'
/** The longest path of a socket to which the control plane can still append its suffix. */
const PATH_BYTES = process.platform === 'darwin' ? 89 : 93

let directory = ''
beforeAll(() => ensureBuilt())
beforeEach(() => {
  directory = ownRuntimeDirectory(join(temporaryDirectory(), 'run'))
})

async function serve(address: string, answer: string): Promise<Server> {
  const server = await listen(address)
  server.on('channel', (channel) => channel.handle(() => answer))
  return server
}

async function ask(address: string): Promise<unknown> {
  const channel = await connect(address)
  const answer: unknown = await channel.request('who?')
  await channel.close()
  return answer
}

describe.each(['shm', 'socket'] as const)('over %s', (transport) => {
  const ROUNDS = 5
  const AT_ONCE = 4

  it('grants a name to exactly one of several processes, the one that serves, although one is stopped', async () => {
    const children = Array.from(
      { length: AT_ONCE },
      () => new Child('name-contender', { args: [NAME, transport], ipc: true }),
    )
    for (const child of children) expect(await child.next()).toBe('ready')
    for (let round = 0; round < ROUNDS; round += 1) {
      const stopped = children[round % AT_ONCE] as Child
      for (const child of children) child.send('listen')
      const outcomes = children.map((child) => child.next<string>())
      await sleep(Math.random() * 6)
      stopped.process.kill('SIGSTOP')
      await Promise.all(outcomes.filter((_, index) => children[index] !== stopped))
      stopped.process.kill('SIGCONT')
      const outcome = await Promise.all(outcomes)
      expect(outcome.toSorted()).toEqual([...Array(AT_ONCE - 1).fill(ErrorCode.NAME_IN_USE), 'won'])
      const winner = children[outcome.indexOf('won')] as Child
      expect(await ask(NAME)).toBe(winner.process.pid)
      winner.send('close')
      expect(await winner.next()).toBe('closed')
      expect(readdirSync(directory)).toEqual([])
    }
  })

  it('frees the name and ends the channels of a server that is closed with an aborted signal', async () => {
    const server = await listen(NAME, { transport })
    const served = new Promise<Channel>((resolve) => server.once('channel', resolve))
    const closed = new Promise<void>((resolve) => server.once('close', resolve))
    const channel = await connect(NAME, { transport })
    ;(await served).handle(() => new Promise(() => {}))
    const unanswered = expect(channel.request('?')).rejects.toMatchObject({ code: expect.any(String) })
    await expect(server.close({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: ErrorCode.ABORTED,
    })
    await closed
    await unanswered
    expect(readdirSync(directory)).toEqual([])
    await (await listen(NAME, { transport })).close()
  })
})

describe('a directory that disappears while a server listens', () => {
  it.each(['removed', 'moved away'])('leaves the name to the next server when it is %s', async (how) => {
    const first = await serve(NAME, 'first')
    const channel = await connect(NAME)
    if (how === 'removed') rmSync(directory, { recursive: true })
    else renameSync(directory, `${directory}-old`)
    const second = await serve(NAME, 'second')
    const files = readdirSync(directory)
    expect(await ask(NAME)).toBe('second')
    expect(await channel.request('who?')).toBe('first')
    await first.close()
    expect(readdirSync(directory)).toEqual(files)
    expect(await ask(NAME)).toBe('second')
    await second.close()
    expect(readdirSync(directory)).toEqual([])
  })
})

it('frees a name for the next server of the process although no caller awaits the close', async () => {
  for (let round = 0; round < 50; round += 1) void (await listen(NAME)).close()
  expect(readdirSync(directory)).toEqual([])
  const before = await resourcesOnceCollected()
  let won = 0
  const contend = async (): Promise<void> => {
    for (let round = 0; round < 8; round += 1) {
      try {
        void (await listen(NAME)).close()
        won += 1
      } catch (error) {
        expect(error).toMatchObject({ code: ErrorCode.NAME_IN_USE })
      }
    }
  }
  await Promise.all(Array.from({ length: 6 }, contend))
  expect(won).toBeGreaterThan(0)
  expect(readdirSync(directory)).toEqual([])
  await expectResources(before)
})

it('serves a path of maximum length with multi-byte characters', async () => {
  const parent = `${temporaryDirectory()}/`
  const bytesLeft = PATH_BYTES - Buffer.byteLength(parent)
  const address = `unix:${parent}${'é'.repeat(Math.floor(bytesLeft / 2)).padEnd(Math.ceil(bytesLeft / 2), 'x')}`
  expect(Buffer.byteLength(address)).toBe(PATH_BYTES + 'unix:'.length)
  const server = await serve(address, 'long')
  expect(await ask(address)).toBe('long')
  await server.close()
  expect(readdirSync(parent)).toEqual([])
  await expect(listen(`${address}x`)).rejects.toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
})

it('leaves no connection behind when an accessor of the options throws at any read', async () => {
  const server = await serve(NAME, 'served')
  // Resources that a process needs only once exist before the count.
  await ask(NAME)
  const before = await resourcesOnceCollected()
  const thrown = await collectUncaught(async () => {
    let looks = 0
    for (let throwing = 1; looks >= throwing - 1; throwing += 1) {
      const look = <T>(value: T): T => {
        looks += 1
        if (looks === throwing) throw new RangeError('of the user')
        return value
      }
      const codec = {
        get name() {
          return look('mine')
        },
        encode: () => Buffer.alloc(0),
        decode: () => null,
      }
      const options = {
        codec,
        get timeoutMs() {
          return look(5_000)
        },
      }
      for (const address of [NAME, 'nobody']) {
        looks = 0
        const refused = await connect(address, options).catch((error: unknown) => error)
        if (looks >= throwing) expect(refused).toBeInstanceOf(RangeError)
        // The server has another codec.
        else
          expect(refused).toMatchObject({
            code: expect.stringMatching(/INVALID_ARGUMENT|NOT_LISTENING/) as string,
          })
      }
    }
  })
  expect(thrown).toEqual([])
  await expectResources(before)
  await server.close()
})
