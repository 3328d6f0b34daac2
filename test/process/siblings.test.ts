// Workers of node:cluster, and worker threads, that find each other by name and by discovery.
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Channel, connect, keepConnected, listServers } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

/** Ends only a test that hangs. */
const PATIENT = { timeout: 60_000 }
const NAMES = ['s0', 's1', 's2', 's3']

interface State {
  readonly events: readonly string[]
  readonly leads: boolean
  /** The answer of each sibling over the channel to it, or the code with which that channel has ended. */
  readonly channels: Readonly<Record<string, string>>
}

let family: Child
beforeAll(() => ensureBuilt())
beforeEach(() => void ownRuntimeDirectory())

async function start(kind: string): Promise<void> {
  family = new Child('siblings', { args: [kind, ...NAMES], ipc: true })
  expect(await family.next()).toBe('ready')
}

async function order(...command: readonly string[]): Promise<void> {
  family.send(command)
  expect(await family.next()).toBe('done')
}

async function ask<Reply>(name: string, question: string): Promise<Reply> {
  const channel: Channel = await connect(name)
  try {
    return await channel.request<Reply>(question)
  } finally {
    channel.destroy()
  }
}

const stateOf = (name: string): Promise<State> => ask<State>(name, 'state')
const without = (...names: readonly string[]): string[] => NAMES.filter((name) => !names.includes(name))
/** Each sibling has found all others. */
async function connectAll(): Promise<void> {
  for (const name of NAMES)
    await expect
      .poll(async () => (await ask<string[]>(name, 'connect')).toSorted(), PATIENT)
      .toEqual(without(name))
}

/** The one sibling that leads. */
async function leaderAmong(names: readonly string[]): Promise<string> {
  let leaders: string[] = []
  await expect
    .poll(async () => {
      const states = await Promise.all(names.map(stateOf))
      leaders = names.filter((_, index) => states[index]?.leads)
      return leaders.length
    }, PATIENT)
    .toBe(1)
  const [leader = ''] = leaders
  expect(await ask('leader', 'who')).toBe(leader)
  return leader
}

describe.each(['cluster', 'threads'])('siblings: %s', (kind) => {
  it('find each other by discovery and talk directly, each with its own name', async () => {
    await start(kind)
    await connectAll()
    const servers = (await listServers({ answerTimeoutMs: 30_000 })).filter(({ name }) => name !== 'leader')
    expect(servers.map(({ name }) => name)).toEqual(NAMES)
    // Threads share the process.
    expect(new Set(servers.map(({ pid }) => pid)).size).toBe(kind === 'cluster' ? NAMES.length : 1)
  })

  it('are not affected by the death of one of them, and see it', async () => {
    await start(kind)
    await connectAll()
    await order('kill', 's0')
    for (const name of without('s0')) {
      await expect
        .poll(async () => (await stateOf(name)).channels['s0'], PATIENT)
        .toBe('ERR_SHMWIRE_PEER_GONE')
      await expect.poll(async () => (await stateOf(name)).events, PATIENT).toContain('down s0')
      const { channels, events } = await stateOf(name)
      // The same channels as before.
      for (const other of without('s0', name)) expect(channels[other]).toBe(other)
      expect(events.filter((event) => event.startsWith('down s'))).toEqual(['down s0'])
    }
    expect(
      (await listServers({ answerTimeoutMs: 30_000 }))
        .map(({ name }) => name)
        .filter((name) => name !== 'leader'),
    ).toEqual(without('s0'))
  })

  it('find a sibling again that has been started again', async () => {
    await start(kind)
    await connectAll()
    const connector = keepConnected('s1', { backOff: { minMs: 5, maxMs: 50 } })
    let channels = 0
    connector.on('channel', () => {
      channels += 1
    })
    await expect.poll(() => channels, PATIENT).toBe(1)
    await order('kill', 's1')
    await order('start', 's1')
    await expect.poll(() => channels, PATIENT).toBe(2)
    for (const name of without('s1'))
      await expect
        .poll(
          async () => (await stateOf(name)).events.filter((event) => event.endsWith(' s1')).slice(-2),
          PATIENT,
        )
        .toEqual(['down s1', 'up s1'])
    await connector.close()
  })

  it('have exactly one leader, which another one replaces when it dies', async () => {
    await start(kind)
    let living: readonly string[] = NAMES
    const leaders: string[] = []
    while (living.length > 0) {
      const leader = await leaderAmong(living)
      leaders.push(leader)
      await order('kill', leader)
      living = living.filter((name) => name !== leader)
    }
    expect(leaders.toSorted()).toEqual(NAMES)
    await expect(connect('leader')).rejects.toMatchObject({ code: 'ERR_SHMWIRE_NOT_LISTENING' })
    await order('start', 's2')
    expect(await leaderAmong(['s2'])).toBe('s2')
  })
})
