import { once } from 'node:events'
import { expect, it } from 'vitest'
import { HandshakeConnection } from '../../../src/control/handshake-connection.js'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'
import { encodeControlFrame, FrameKind } from '../../../src/wire/frames.js'
import { encodePreamble } from '../../../src/wire/preamble.js'
import { socketPair } from '../../support/socket-pair.js'
import { waitFor } from '../../support/wait-for.js'

const ended: [string, (connection: HandshakeConnection) => void][] = [
  ['was aborted', (connection) => connection.abort()],
  ['was dismissed', (connection) => connection.dismiss(new ShmwireError(ErrorCode.UNAVAILABLE, 'too many'))],
  [
    'was refused and then aborted',
    (connection) => {
      connection.refuse(new ShmwireError(ErrorCode.DENIED, 'not you'))
      connection.abort()
    },
  ],
]

it.each(ended)('cleans up once, in the reverse order, when it %s', async (_how, end) => {
  const { server } = await socketPair()
  const connection = new HandshakeConnection(server)
  const calls: number[] = []
  for (const call of [1, 2, 3]) connection.onFailure(() => calls.push(call))
  end(connection)
  connection.abort()
  expect(calls).toEqual([3, 2, 1])
})

it.each(ended)('runs a clean-up at once that is registered after it %s', async (_how, end) => {
  const { server } = await socketPair()
  const connection = new HandshakeConnection(server)
  end(connection)
  let calls = 0
  connection.onFailure(() => {
    calls += 1
    throw new Error('the clean-up failed')
  })
  expect(calls).toBe(1)
  connection.abort()
  expect(calls).toBe(1)
  expect(() => connection.assertOpen()).toThrow(ShmwireError)
})

it('runs no clean-up after a success', async () => {
  const { server } = await socketPair()
  const connection = new HandshakeConnection(server)
  let calls = 0
  connection.onFailure(() => (calls += 1))
  expect(connection.complete()).toBe(true)
  connection.onFailure(() => (calls += 1))
  connection.abort()
  expect(calls).toBe(0)
  expect(server.destroyed).toBe(false)
})

it('writes the frames before a wait at once', async () => {
  const { server, client } = await socketPair()
  const connection = new HandshakeConnection(server)
  const writes: number[] = []
  const write = server.write.bind(server)
  server.write = ((bytes: Buffer, done?: () => void) => {
    writes.push(bytes.length)
    return write(bytes, done)
  }) as typeof server.write
  connection.sendPreamble()
  connection.send(FrameKind.READY)
  expect(writes).toEqual([])
  const frame = connection.next([FrameKind.READY])
  const bytes = encodePreamble().length + encodeControlFrame(FrameKind.READY, {}).length
  expect(writes).toEqual([bytes])
  client.write(encodeControlFrame(FrameKind.READY, {}))
  expect((await frame).kind).toBe(FrameKind.READY)
})

it.each([
  ['completed', (connection: HandshakeConnection) => connection.complete()],
  ['aborted', (connection: HandshakeConnection) => connection.abort()],
  [
    'refused',
    (connection: HandshakeConnection) => connection.refuse(new ShmwireError(ErrorCode.DENIED, 'no')),
  ],
])('writes the last frames when it is %s', async (_how, end) => {
  const { server, client } = await socketPair()
  const connection = new HandshakeConnection(server)
  connection.sendPreamble()
  const received = once(client, 'data')
  end(connection)
  expect(((await received)[0] as Buffer).subarray(0, 8)).toEqual(encodePreamble())
})

it('does work while the peer reads, unless the handshake has ended', async () => {
  const { server } = await socketPair()
  const open = new HandshakeConnection(server)
  const done: string[] = []
  open.sendPreamble()
  open.flushBefore(() => done.push('open'))
  await waitFor(() => expect(done).toEqual(['open']))
  open.send(FrameKind.READY)
  open.flushBefore(() => done.push('aborted'))
  open.abort()
  await new Promise((resolve) => setImmediate(resolve))
  expect(done).toEqual(['open'])
})
