import type { Socket } from 'node:net'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Observation, type ObserveOptions, observeServer } from '../../../src/control/observe-server.js'
import { ErrorCode } from '../../../src/errors.js'
import { loadBinding } from '../../../src/native/load-binding.js'
import { encodeControlFrame, encodeFrame, FrameKind } from '../../../src/wire/frames.js'
import { encodePreamble, PROTOCOL_MAJOR } from '../../../src/wire/preamble.js'
import { fakeServer } from '../../support/fake-server.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

const DESCRIPTION = { id: 'a'.repeat(32), pid: process.pid, startedAtMs: 5, services: [], observe: false }
const described = (change: object = {}): Buffer =>
  encodeControlFrame(FrameKind.DESCRIPTION, { ...DESCRIPTION, ...change })

let directory = ''
beforeEach(() => {
  directory = temporaryDirectory()
})

async function observe(
  serve: (socket: Socket) => void,
  { authorize, timeoutMs }: { authorize?: () => boolean; timeoutMs?: number } = {},
): Promise<Observation> {
  const { path } = await fakeServer(directory, 'fake', serve)
  const options: ObserveOptions = {
    settings: { authorize, logger: undefined },
    native: loadBinding(),
    timeoutMs: timeoutMs ?? 60_000,
  }
  return observeServer(path, options)
}

function header(bytes: number): Buffer {
  const frame = encodeFrame(FrameKind.DESCRIPTION, 0, Buffer.alloc(0))
  frame.writeUInt32LE(bytes, 0)
  return frame
}

describe('a client that asks for a description', () => {
  it('gets it, with the identity of the process that listens', async () => {
    const observation = await observe((socket) =>
      socket.write(Buffer.concat([encodePreamble(), described({ pid: 1 })])),
    )
    expect(observation.description).toEqual({ ...DESCRIPTION, pid: 1 })
    expect(observation.peer.pid).toBe('binding' in loadBinding() ? process.pid : 1)
    observation.end()
  })

  it.each<[string, string, readonly Buffer[]]>([
    ['another protocol', ErrorCode.VERSION, [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]],
    [
      'another version',
      ErrorCode.VERSION,
      [Buffer.from([...Buffer.from('SHMW'), PROTOCOL_MAJOR + 1, 0, 0, 0])],
    ],
    ['an OFFER', ErrorCode.CORRUPT, [encodePreamble(), encodeControlFrame(FrameKind.OFFER, {})]],
    [
      'a description that is not JSON',
      ErrorCode.CORRUPT,
      [encodePreamble(), encodeFrame(FrameKind.DESCRIPTION, 0, Buffer.from('{'))],
    ],
    ['a description of another form', ErrorCode.CORRUPT, [encodePreamble(), described({ id: 1 })]],
    ['a description that is too long', ErrorCode.CORRUPT, [encodePreamble(), header(64 * 1024 + 1)]],
    ['a description without an end', ErrorCode.TIMEOUT, [encodePreamble(), header(9)]],
    ['half a preamble', ErrorCode.TIMEOUT, [Buffer.from('SHM')]],
    ['nothing', ErrorCode.TIMEOUT, []],
    [
      'a refusal',
      ErrorCode.UNAVAILABLE,
      [
        encodePreamble(),
        encodeControlFrame(FrameKind.REJECT, { code: ErrorCode.UNAVAILABLE, message: 'no' }),
      ],
    ],
  ])('is refused by a server that sends %s', async (_what, code, answers) => {
    let ended: Promise<unknown> | undefined
    const outcome = observe(
      (socket) => {
        ended = new Promise((resolve) => socket.once('close', resolve).resume())
        for (const answer of answers) socket.write(answer)
      },
      { timeoutMs: code === ErrorCode.TIMEOUT ? 50 : 60_000 },
    )
    await expect(outcome).rejects.toMatchObject({ code })
    await ended
  })

  it('is refused by a server that closes', async () => {
    await expect(observe((socket) => socket.destroy())).rejects.toMatchObject({ code: ErrorCode.PEER_GONE })
  })

  it('refuses a server that it does not authorize', async () => {
    const answer = Buffer.concat([encodePreamble(), described()])
    const outcome = observe((socket) => void socket.write(answer), { authorize: () => false })
    await expect(outcome).rejects.toMatchObject({ code: ErrorCode.DENIED })
  })
})

describe('a client that follows a description', () => {
  async function follow(
    rest: readonly Buffer[],
  ): Promise<{ pids: number[]; ended: Promise<void>; server: Socket }> {
    let server: Socket | undefined
    const observation = await observe((socket) => {
      server = socket
      socket.resume()
      socket.write(Buffer.concat([encodePreamble(), described(), ...rest]))
    })
    const pids: number[] = []
    const ended = observation.follow(({ pid }) => pids.push(pid))
    return { pids, ended, server: server as Socket }
  }

  it('gets the latest one of those that arrive together, and each one later', async () => {
    const { pids, ended, server } = await follow([described({ pid: 2 }), described({ pid: 3 })])
    await expect.poll(() => pids.at(-1)).toBe(3)
    server.write(described({ pid: 4 }))
    await expect.poll(() => pids.at(-1)).toBe(4)
    server.end()
    await ended
  })

  it.each<[string, Buffer]>([
    ['another id', described({ id: 'b'.repeat(32) })],
    ['a frame of another kind', encodeControlFrame(FrameKind.READY, {})],
    ['a description of another form', described({ pid: 'x' })],
    ['a description that is too long', header(64 * 1024 + 1)],
  ])('ends the connection when the server sends %s', async (_what, bytes) => {
    const { pids, ended } = await follow([bytes])
    await ended
    expect(pids).toEqual([])
  })

  it('reads a server that sends descriptions all the time now and then, and notices its end', async () => {
    const { pids, ended, server } = await follow([])
    let sent = 1
    const flood = (): void => {
      while (!server.destroyed && server.writableLength < 1_000_000) {
        sent += 1
        server.write(described({ pid: sent }))
      }
    }
    server.on('drain', flood)
    flood()
    await expect.poll(() => pids.length, { timeout: 30_000 }).toBeGreaterThan(3)
    // Most of them arrive together.
    expect(pids.length).toBeLessThan(sent / 10)
    server.destroy()
    await ended
  })
})
