// Freezes all built-in objects that the language reaches, as hardened programs do, and exchanges every type of value with itself.
// Arguments: the transport, and whether shmwire is loaded before or after.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SOCKET_TRANSPORT = process.platform === 'win32' ? 'pipe' : 'unix'

const [transport, order] = process.argv.slice(2)
const hidden = [async () => {}, function* () {}, async function* () {}]
const NAMES =
  'Object Function Array String Number Boolean Symbol BigInt Date RegExp Map Set WeakMap WeakSet WeakRef Promise Proxy Reflect JSON Math ArrayBuffer SharedArrayBuffer DataView Atomics Error EvalError RangeError ReferenceError SyntaxError TypeError URIError AggregateError Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float32Array Float64Array BigInt64Array BigUint64Array'
const roots = [
  ...NAMES.split(' ').map((name) => globalThis[name]),
  ...hidden,
  [][Symbol.iterator](),
  new Map().entries(),
  new Set().values(),
]

const before = order === 'before' ? await import('../../../dist/index.js') : undefined
freezeAll()
const { connect, listen, ErrorCode } = before ?? (await import('../../../dist/index.js'))

const folder = mkdtempSync(join(tmpdir(), 'shmwire-frozen-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const shared = { constructor: 'x', toString: 'y' }
const VALUES = [
  shared,
  [shared, shared],
  [
    { valueOf: 1 },
    new Map([['constructor', new Set([1n << 80n])]]),
    new Date(5),
    /a/g,
    '\ud800',
    new Float64Array([1]),
  ],
]

for (const codec of ['msgpack', 'json', 'v8']) {
  const address = process.platform === 'win32' ? `${codec}-${process.pid}` : `unix:${join(folder, codec)}`
  const server = await listen(address, { transport, codec })
  server.on('channel', (channel) => {
    channel.handle((value) => {
      if (value === 'fail') throw Object.assign(new TypeError('no'), { code: 'E_NO', cause: new Error('c') })
      return value
    })
  })
  const channel = await connect(address, { transport, codec })
  assert.equal(channel.transport, transport === 'socket' ? SOCKET_TRANSPORT : transport)
  const values = codec === 'json' ? VALUES.slice(0, 1) : VALUES
  // More than 32 times, so that msgpack compiles its builders.
  for (let time = 0; time < 40; time += 1)
    for (const value of values) assert.deepEqual(await channel.request(value), value)
  await assert.rejects(channel.request('fail'), { code: ErrorCode.REMOTE, remoteCode: 'E_NO' })
  if (codec === 'msgpack') {
    const { sent } = await channel.request({ sent: new RangeError('far', { cause: 1 }) })
    assert.deepEqual([sent instanceof RangeError, sent.message, sent.cause], [true, 'far', 1])
    await assert.rejects(channel.request({ a: [() => 1] }), { code: ErrorCode.CODEC })
  }
  await assert.rejects(channel.request(1, { timeoutMs: -1 }), { code: ErrorCode.INVALID_ARGUMENT })
  await channel.close()
  await server.close()
}
console.log(JSON.stringify('done'))

/** Follows properties and prototypes, except those of Node. */
function freezeAll() {
  const frozen = new Set()
  const open = [...roots]
  while (open.length > 0) {
    const one = open.pop()
    if ((typeof one !== 'object' && typeof one !== 'function') || one === null || frozen.has(one)) continue
    frozen.add(one)
    Object.freeze(one)
    open.push(Object.getPrototypeOf(one))
    for (const { value, get, set } of Object.values(Object.getOwnPropertyDescriptors(one)))
      open.push(value, get, set)
  }
}
