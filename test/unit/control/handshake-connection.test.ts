import { expect, it } from 'vitest'
import { HandshakeConnection } from '../../../src/control/handshake-connection.js'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'
import { socketPair } from '../../support/socket-pair.js'

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
