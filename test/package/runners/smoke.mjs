import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

/** A value of each type that has another identity in a realm of its own. */
const VALUES = {
  date: new Date(5),
  map: new Map([[1, new Set(['a'])]]),
  pattern: /a+/gi,
  error: new TypeError('an error as a value'),
  buffer: Buffer.from('buffer'),
  bytes: new Uint8Array([1, 2, 3]),
  memory: new Uint8Array([4, 5, 6]).buffer,
  floats: new Float64Array([0.5, -0]),
  big: 2n ** 70n,
  list: [1, 'two', { three: undefined }],
}

const HANDLERS = {
  echo: ({ value }) => value,
  throwError: () => {
    throw Object.assign(new RangeError('the handler failed'), { code: 'E_TEST' })
  },
  throwSystemError: () => readFileSync('/no/such/file'),
}

/**
 * Does what programs do in tests: connects, exchanges values and errors, and closes, also while the clock is a fake one.
 *
 * `expectEqual(received, sent)` compares two values, and `fakeTimers()` replaces the clock.
 */
export async function smoke(shmwire, { transport, address, expectEqual, fakeTimers }) {
  const { connect, ErrorCode, listen, ShmwireError } = shmwire
  const server = await listen(address)
  server.on('channel', (channel) => {
    channel.handle((request) => HANDLERS[request.what](request))
    channel.on('message', (message) => channel.trySend(message))
  })
  const channel = await connect(address, { transport: transport === 'unix' ? 'socket' : 'auto' })
  assert.equal(channel.transport, transport, channel.fallbackReason)
  for (const [name, value] of Object.entries(VALUES)) {
    const reply = await channel.request({ what: 'echo', value })
    assert.equal(brandOf(reply), brandOf(value), name)
    expectEqual(reply, value)
  }
  expectEqual(await echo(channel, VALUES), VALUES)
  await failures(channel, ErrorCode)
  const isOwnError = (error) => error instanceof ShmwireError
  await assert.rejects(connect('no-server'), isOwnError)
  await assert.rejects(listen('unix:/no/such/folder/a.sock'), isOwnError)

  fakeTimers()
  expectEqual(await channel.request({ what: 'echo', value: 1 }, { timeoutMs: 5_000 }), 1)
  expectEqual(await echo(channel, 'two'), 'two')
  const second = await connect(address)
  expectEqual(await second.request({ what: 'echo', value: 3 }), 3)
  await second.close()
  await channel.close()
  await server.close()
}

async function failures(channel, ErrorCode) {
  const codes = { throwError: 'E_TEST', throwSystemError: 'ENOENT' }
  for (const [what, remoteCode] of Object.entries(codes)) {
    const error = await channel.request({ what }).catch((thrown) => thrown)
    assert.deepEqual([error.code, error.remoteCode], [ErrorCode.REMOTE, remoteCode])
  }
}

async function echo(channel, message) {
  const echoed = new Promise((resolve, reject) => {
    channel.once('message', resolve)
    channel.once('close', reject)
  })
  await channel.send(message)
  return echoed
}

function brandOf(value) {
  return Object.prototype.toString.call(value)
}
