import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, beforeEach, expect, it } from 'vitest'
import { connect, listen } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

const NAME = 'service'
/** Longer than a server waits for a handshake, so that the waiting server has connected again. */
const HANDSHAKE_MS = 5_500

beforeAll(() => ensureBuilt())
beforeEach(() => void ownRuntimeDirectory())

async function start(name: string, ...args: string[]): Promise<Child> {
  const child = new Child('waiting-server', { args: [NAME, name, ...args], ipc: true })
  expect(await child.next()).toBe('waiting')
  return child
}

async function ask(): Promise<unknown> {
  const channel = await connect(NAME)
  const reply: unknown = await channel.request('who?')
  await channel.close()
  return reply
}

it.each(['SIGKILL', 'SIGTERM', 'exit'] as const)(
  'a waiting server listens once the live one ends by %s, although it has clients',
  async (end) => {
    const first = await start('first')
    expect(await first.next()).toBe('listening')
    const client = await connect(NAME)
    const second = await start('second')
    await sleep(end === 'exit' ? HANDSHAKE_MS : 100)
    expect(await ask()).toBe('first')
    if (end === 'exit') first.send('exit')
    else first.process.kill(end)
    expect(await second.next()).toBe('listening')
    expect(await ask()).toBe('second')
    client.destroy()
  },
)

it('a waiting server listens once the live one closes, before that one has closed its channels', async () => {
  const first = await listen(NAME)
  first.on('channel', (channel) => channel.handle(() => new Promise(() => {})))
  const client = await connect(NAME)
  const pending = client.request('never').catch(() => {})
  const second = await start('second')
  const closed = first.close({ timeoutMs: 60_000 }).catch(() => {})
  expect(await second.next()).toBe('listening')
  expect(await ask()).toBe('second')
  expect(first.channels.size).toBe(1)
  client.destroy()
  await Promise.all([pending, closed])
})

it('exactly one of several waiting servers listens after each kill', async () => {
  let holder = await start('first')
  expect(await holder.next()).toBe('listening')
  const waiting = new Map<string, { child: Child; listening: Promise<string> }>()
  for (const name of ['a', 'b', 'c', 'd']) {
    const child = await start(name)
    waiting.set(name, { child, listening: child.next().then(() => name) })
  }
  while (waiting.size > 0) {
    await holder.kill()
    const winner = await Promise.race([...waiting.values()].map(({ listening }) => listening))
    expect(await ask()).toBe(winner)
    holder = waiting.get(winner)?.child as Child
    waiting.delete(winner)
    const others = [...waiting.values()].map(({ listening }) => listening)
    expect(await Promise.race([...others, sleep(50, 'none')])).toBe('none')
  }
})

it('a process stays alive while it waits, and ends when nothing else keeps it alive', async () => {
  const first = await listen(NAME)
  const second = await start('second', 'exit')
  await sleep(300)
  expect(second.running).toBe(true)
  await first.close()
  expect(await second.next()).toBe('listening')
  expect(await second.ended).toEqual({ code: 0, signal: null })
})
