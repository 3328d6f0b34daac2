import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode, type TransportChoice } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { SOCKET_TRANSPORT } from '../support/local-address.js'
import { IS_WINDOWS } from '../support/not-on-windows.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

interface Outcome {
  readonly transport?: string
  readonly fallbackReason?: string | null
  readonly whole?: boolean
  readonly code?: string
  readonly message?: string
  readonly peer?: { pid: number; verified: boolean }
}

interface Side {
  readonly transport?: TransportChoice
  readonly addon?: boolean
  /** False: the runtime's event loop ignores the descriptor of a doorbell. */
  readonly doorbell?: boolean
}

const NO_DOORBELL = new URL('children/no-doorbell.mjs', import.meta.url).href
const SILENT = /the event loop of this runtime does not report a doorbell/
const OFF = /SHMWIRE_NO_ADDON=1 turns the native addon off/

beforeAll(() => ensureBuilt())

let directory = ''
beforeEach(() => {
  directory = temporaryDirectory()
})

function environment(side: Side): Record<string, string> {
  return {
    SHMWIRE_DIR: directory,
    ...(side.addon === false ? { SHMWIRE_NO_ADDON: '1' } : {}),
    ...(side.doorbell === false ? { NODE_OPTIONS: `--import ${NO_DOORBELL}` } : {}),
  }
}

/** Runs a server and a client in processes. Returns their reports; the server has none without a channel. */
async function meet(
  serverSide: Side,
  clientSide: Side,
): Promise<{ server: Outcome | undefined; client: Outcome }> {
  const serverChild = new Child('echo-server', {
    args: ['s', serverSide.transport ?? 'auto'],
    env: environment(serverSide),
    ipc: true,
  })
  const first = await serverChild.next()
  expect(first).toBe('listening')
  const clientChild = new Child('echo-client', {
    args: ['s', clientSide.transport ?? 'auto'],
    env: environment(clientSide),
  })
  const client = await clientChild.next<Outcome>()
  expect(await clientChild.ended).toEqual({ code: 0, signal: null })
  const server = client.code === undefined ? await serverChild.next<Outcome>() : undefined
  serverChild.send('stop')
  expect(await serverChild.ended).toEqual({ code: 0, signal: null })
  return { server, client }
}

describe('with the addon on both sides', () => {
  it('shares memory with a verified peer, without a fallback', async () => {
    const { server, client } = await meet({}, {})
    expect(client).toMatchObject({
      transport: 'shm',
      fallbackReason: null,
      whole: true,
      peer: { verified: true },
    })
    expect(server).toEqual({ transport: 'shm', fallbackReason: undefined })
  })
})

describe.each([
  ['on the server', { addon: false }, {}, /the server has no shared memory/],
  ['on the client', {}, { addon: false }, /the client has no shared memory/],
  ['on both sides', { addon: false }, { addon: false }, /the server has no shared memory/],
] as [string, Side, Side, RegExp][])('without the addon %s', (_where, serverSide, clientSide, whose) => {
  it('exchanges messages over the socket and reports the reason on both sides', async () => {
    const { server, client } = await meet(serverSide, clientSide)
    expect(client).toMatchObject({ transport: SOCKET_TRANSPORT, whole: true })
    for (const outcome of [server, client]) {
      expect(outcome?.fallbackReason).toMatch(whose)
      expect(outcome?.fallbackReason).toMatch(OFF)
    }
  })

  it("fails a client with transport 'shm' with UNAVAILABLE and the reason", async () => {
    const { client } = await meet(serverSide, { ...clientSide, transport: 'shm' })
    expect(client).toMatchObject({ code: ErrorCode.UNAVAILABLE })
    expect(client.message).toMatch(OFF)
  })

  it("accepts transport 'socket' and names the side that set it", async () => {
    const { server, client } = await meet(serverSide, { ...clientSide, transport: 'socket' })
    expect(client).toMatchObject({ transport: SOCKET_TRANSPORT, whole: true })
    for (const outcome of [server, client])
      expect(outcome?.fallbackReason).toMatch(/the client has the option transport: 'socket'/)
  })
})

// On Windows every runtime with Node-API has one.
describe.skipIf(IS_WINDOWS).each([
  ['on the server', { doorbell: false }, {}, /the server has no shared memory/],
  ['on the client', {}, { doorbell: false }, /the client has no shared memory/],
  ['on both sides', { doorbell: false }, { doorbell: false }, /the server has no shared memory/],
] as [string, Side, Side, RegExp][])(
  'in a runtime without a doorbell %s',
  (_where, serverSide, clientSide, whose) => {
    it('exchanges messages with a verified peer over the socket and reports the reason', async () => {
      const { server, client } = await meet(serverSide, clientSide)
      expect(client).toMatchObject({ transport: SOCKET_TRANSPORT, whole: true, peer: { verified: true } })
      for (const outcome of [server, client]) {
        expect(outcome?.fallbackReason).toMatch(whose)
        expect(outcome?.fallbackReason).toMatch(SILENT)
      }
    })

    it("fails a client with transport 'shm' with UNAVAILABLE and the reason", async () => {
      const { client } = await meet(serverSide, { ...clientSide, transport: 'shm' })
      expect(client).toMatchObject({ code: ErrorCode.UNAVAILABLE })
      expect(client.message).toMatch(SILENT)
    })
  },
)

describe("transport 'shm' of the server", () => {
  it('fails a client without the addon with UNAVAILABLE', async () => {
    const { client } = await meet({ transport: 'shm' }, { addon: false })
    expect(client).toMatchObject({ code: ErrorCode.UNAVAILABLE })
    expect(client.message).toMatch(OFF)
  })

  async function expectListenToFail(side: Side, reason: RegExp): Promise<void> {
    const child = new Child('echo-server', { args: ['s', 'shm'], env: environment(side), ipc: true })
    const outcome = await child.next<Outcome>()
    expect(outcome).toMatchObject({ code: ErrorCode.UNAVAILABLE })
    expect(outcome.message).toMatch(reason)
  }

  it('fails listen with UNAVAILABLE without the addon', () => expectListenToFail({ addon: false }, OFF))

  // On Windows every runtime with Node-API has one.
  it.skipIf(IS_WINDOWS)('fails listen with UNAVAILABLE without a doorbell', () =>
    expectListenToFail({ doorbell: false }, SILENT),
  )
})

describe("transport 'shm' against 'socket'", () => {
  it.each([
    ['shm', 'socket'],
    ['socket', 'shm'],
  ] as const)('rejects %s of the server with %s of the client, naming both', async (atServer, atClient) => {
    const { client } = await meet({ transport: atServer }, { transport: atClient })
    expect(client).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
    expect(client.message).toContain(`the client asks for transport ${atClient}, the server for ${atServer}`)
  })

  it("uses the socket if the server requires 'socket' and the client 'auto'", async () => {
    const { server, client } = await meet({ transport: 'socket' }, {})
    expect(client).toMatchObject({ transport: SOCKET_TRANSPORT, whole: true })
    for (const outcome of [server, client])
      expect(outcome?.fallbackReason).toMatch(/the server has the option/)
  })
})
