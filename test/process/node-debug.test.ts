import { beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { localAddress } from '../support/local-address.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

beforeAll(() => ensureBuilt())

/** The lines of the logger and of stderr. */
async function notesOf(which: 'logger' | 'none', env: Record<string, string>) {
  const child = new Child('logging', { args: [localAddress(temporaryDirectory()), which], env })
  const logged = await child.next<string[]>()
  expect(await child.ended).toEqual({ code: 0, signal: null })
  return { logged, stderr: child.stderr.split('\n').slice(0, -1), pid: child.process.pid }
}

const OVER_SOCKET = "shmwire: a channel runs over the socket: the client has the option transport: 'socket'"
const REFUSED = expect.stringMatching(/^shmwire: a client was refused: /) as string

describe('NODE_DEBUG', () => {
  it('writes nothing to stderr unless it names shmwire', async () => {
    for (const env of [{ NODE_DEBUG: '' }, { NODE_DEBUG: 'net_of_another' }]) {
      const { logged, stderr } = await notesOf('logger', env)
      expect(logged).toEqual([OVER_SOCKET, REFUSED])
      expect(stderr).toEqual([])
    }
  })

  it('writes the lines of the logger to stderr when it names shmwire', async () => {
    const { logged, stderr, pid } = await notesOf('logger', { NODE_DEBUG: 'shmwire' })
    expect(logged).toEqual([OVER_SOCKET, REFUSED])
    // The client has no logger, but NODE_DEBUG holds for the whole process.
    const prefix = `SHMWIRE ${pid}: `
    expect(stderr).toHaveLength(3)
    expect(new Set(stderr)).toEqual(new Set(logged.map((line) => `${prefix}${line}`)))
  })

  it('writes the same lines to stderr without a logger', async () => {
    const { logged, stderr, pid } = await notesOf('none', { NODE_DEBUG: 'other,shmwire' })
    expect(logged).toEqual([])
    expect(stderr).toEqual([
      `SHMWIRE ${pid}: ${OVER_SOCKET}`,
      `SHMWIRE ${pid}: ${OVER_SOCKET}`,
      expect.stringContaining('shmwire: a client was refused: '),
    ])
  })
})
