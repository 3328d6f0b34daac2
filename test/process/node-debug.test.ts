import { beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { localAddress } from '../support/local-address.js'
import { IS_WINDOWS } from '../support/not-on-windows.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

beforeAll(() => ensureBuilt())

/** The lines of the logger and of stderr. */
async function notesOf(which: 'logger' | 'none', env: Record<string, string>) {
  const child = new Child('logging', { args: [localAddress(temporaryDirectory()), which], env })
  const logged = await child.next<string[]>()
  expect(await child.ended).toEqual({ code: 0, signal: null })
  return { logged, stderr: child.stderr.split('\n').slice(0, -1), pid: child.process.pid }
}

const EVENTS = ['channel.opened', 'channel.fallback', 'channel.ended', 'client.refused']

/** On Windows, a client opens further connections to identify its server, and the server logs their ends. */
function expectEvents(events: readonly string[], expected: readonly string[]): void {
  if (IS_WINDOWS) expect(events).toEqual(expect.arrayContaining(expected as string[]))
  else expect(events.toSorted()).toEqual(expected.toSorted())
}

describe('NODE_DEBUG', () => {
  it('writes nothing to stderr unless it names shmwire', async () => {
    for (const env of [{ NODE_DEBUG: '' }, { NODE_DEBUG: 'net_of_another' }]) {
      const { logged, stderr } = await notesOf('logger', env)
      expectEvents(logged, EVENTS)
      expect(stderr).toEqual([])
    }
  })

  it('writes the lines of the logger and of the client to stderr when it names shmwire', async () => {
    for (const which of ['logger', 'none'] as const) {
      const { logged, stderr, pid } = await notesOf(which, { NODE_DEBUG: 'other,shmwire' })
      expectEvents(logged, which === 'logger' ? EVENTS : [])
      // The client has no logger, but NODE_DEBUG holds for the whole process. It opens one channel.
      expectEvents(
        stderr.map((line) => / event=(\S+) /.exec(line)?.[1] ?? line),
        [...EVENTS, 'channel.opened', 'channel.fallback', 'channel.ended'],
      )
      expect(stderr.every((line) => line.startsWith(`SHMWIRE ${pid}: shmwire: a `))).toBe(true)
    }
  })
})
