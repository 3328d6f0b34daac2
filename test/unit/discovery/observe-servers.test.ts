import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ServerObserver, snapshotsOf } from '../../../src/discovery/observe-servers.js'
import { ErrorCode, listen, type Server } from '../../../src/index.js'
import { stopMeasuring } from '../../../src/observe/event-loop.js'
import { fakeServer } from '../../support/fake-server.js'
import { ownRuntimeDirectory, temporaryDirectory } from '../../support/temporary-directory.js'

let directory = ''
const servers: Server[] = []
beforeEach(() => {
  directory = ownRuntimeDirectory()
})
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
  stopMeasuring()
})

async function serve(address: string, options = {}): Promise<void> {
  servers.push(await listen(address, options))
}

describe('an observer of servers', () => {
  it('asks all servers of the user, and has one snapshot of each thread', async () => {
    await serve('a')
    await serve('b')
    await serve('hidden', { observe: false })
    const answers = await new ServerObserver([]).ask()
    expect(answers.map(({ address, error }) => [address, error?.code])).toEqual([
      ['a', undefined],
      ['b', undefined],
      ['hidden', ErrorCode.UNAVAILABLE],
    ])
    const snapshots = snapshotsOf(answers)
    expect(snapshots).toHaveLength(1)
    expect(snapshots[0]?.servers.map(({ address }) => address)).toEqual(['a', 'b', 'hidden'])
  })

  it('asks the servers at addresses, and reports those that do not answer', async () => {
    await serve('a')
    const path = `unix:${join(temporaryDirectory(), 'x.sock')}`
    await serve(path)
    const answers = await new ServerObserver(['a', 'absent', path]).ask()
    expect(answers.map(({ address, error }) => [address, error?.code])).toEqual([
      ['a', undefined],
      ['absent', ErrorCode.NOT_LISTENING],
      [path, undefined],
    ])
  })

  it('leaves out dead servers of the directory, and reports silent ones', async () => {
    await serve('a')
    const silent = await fakeServer(directory, 'silent', (socket) => socket.resume())
    const dead = await fakeServer(directory, 'dead', (socket) => socket.resume())
    dead.kill()
    const answers = await new ServerObserver([], { answerTimeoutMs: 300 }).ask()
    expect(answers.map(({ address, error }) => [address, error?.code])).toEqual([
      ['a', undefined],
      ['silent', ErrorCode.TIMEOUT],
    ])
    expect(silent.accepted).toBe(1)
  })

  it.each(['tcp://127.0.0.1:1', 'pipe:x', 'stdio:'])('refuses the address %s', (address) => {
    expect(() => new ServerObserver([address])).toThrow(
      expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }) as Error,
    )
  })
})
