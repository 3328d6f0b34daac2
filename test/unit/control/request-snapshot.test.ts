import type { Socket } from 'node:net'
import { beforeEach, describe, expect, it } from 'vitest'
import { type ObservedServer, requestSnapshot } from '../../../src/control/request-snapshot.js'
import { ErrorCode } from '../../../src/errors.js'
import { loadBinding } from '../../../src/native/load-binding.js'
import { snapshot } from '../../../src/observe/snapshot.js'
import { encodeControlFrame, encodeFrame, FrameKind } from '../../../src/wire/frames.js'
import { encodePreamble } from '../../../src/wire/preamble.js'
import { fakeServer } from '../../support/fake-server.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

const DESCRIPTION = { id: 'a'.repeat(32), pid: process.pid, startedAtMs: 5, services: [], observe: true }
const described = (change: object = {}): Buffer =>
  encodeControlFrame(FrameKind.DESCRIPTION, { ...DESCRIPTION, ...change })

let directory = ''
beforeEach(() => {
  directory = temporaryDirectory()
})

/** Asks a server that answers DESCRIBE with the first bytes, and OBSERVE with the second ones. */
async function ask(first: Buffer, second: Buffer, timeoutMs = 60_000): Promise<ObservedServer> {
  const { path } = await fakeServer(directory, 'fake', (socket: Socket) => {
    let received = Buffer.alloc(0)
    let isAnswered = false
    socket.write(Buffer.concat([encodePreamble(), first]))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (isAnswered || !received.includes(encodeControlFrame(FrameKind.OBSERVE, {}))) return
      isAnswered = true
      socket.write(second)
    })
  })
  return requestSnapshot(path, {
    settings: { authorize: undefined, logger: undefined },
    native: loadBinding(),
    timeoutMs,
  })
}

const answer = (value: unknown): Buffer =>
  encodeFrame(FrameKind.SNAPSHOT, 0, Buffer.from(JSON.stringify(value)))

function header(kind: number, bytes: number): Buffer {
  const frame = encodeFrame(kind, 0, Buffer.alloc(0))
  frame.writeUInt32LE(bytes, 0)
  return frame
}

describe('a client that asks for a snapshot', () => {
  it('gets it, also after further descriptions', async () => {
    const { snapshot: received, description } = await ask(
      described(),
      Buffer.concat([described({ services: [{ name: 'late' }] }), answer(snapshot())]),
    )
    expect(received.process.pid).toBe(process.pid)
    expect(description.services).toMatchObject([{ name: 'late' }])
  })

  it.each<[string, string, Buffer, Buffer]>([
    ['a server that has none', ErrorCode.UNAVAILABLE, described({ observe: undefined }), Buffer.alloc(0)],
    ['a member that is not true', ErrorCode.UNAVAILABLE, described({ observe: 1 }), Buffer.alloc(0)],
    [
      'an answer that is too long',
      ErrorCode.CORRUPT,
      described(),
      header(FrameKind.SNAPSHOT, 1024 * 1024 + 1),
    ],
    ['a description that is too long', ErrorCode.CORRUPT, described(), header(FrameKind.DESCRIPTION, 65_537)],
    [
      'an answer that is not JSON',
      ErrorCode.CORRUPT,
      described(),
      encodeFrame(FrameKind.SNAPSHOT, 0, Buffer.from('{')),
    ],
    ['an answer of another form', ErrorCode.CORRUPT, described(), answer({ version: 1 })],
    ['an answer of a later version', ErrorCode.VERSION, described(), answer({ version: 2 })],
    ['an OFFER', ErrorCode.CORRUPT, described(), encodeControlFrame(FrameKind.OFFER, {})],
    ['a snapshot before the question', ErrorCode.CORRUPT, answer(snapshot()), Buffer.alloc(0)],
    [
      'descriptions without an end',
      ErrorCode.CORRUPT,
      described(),
      Buffer.concat(Array.from({ length: 101 }, () => described())),
    ],
  ])('refuses %s', async (_what, code, first, second) => {
    await expect(ask(first, second)).rejects.toMatchObject({ code })
  })

  it('gives up after its time', async () => {
    await expect(ask(described(), header(FrameKind.SNAPSHOT, 9), 300)).rejects.toMatchObject({
      code: ErrorCode.TIMEOUT,
    })
  })
})
