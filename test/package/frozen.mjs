// Exchanges messages in a program that protects its built-in objects.
//   node --frozen-intrinsics frozen.mjs
//   node frozen.mjs before|after     freezes them before or after the import
//   node frozen.mjs accessors        defines accessors on Object.prototype
import assert from 'node:assert/strict'
import { exchange } from './exchange.mjs'

const [how] = process.argv.slice(2)

/** Names that a decoder must define: an assignment would fail, or call an accessor. */
const MESSAGE = { constructor: 'x', toString: 'y', valueOf: 'z', price: 1, nested: [{ hasOwnProperty: 2 }] }

function freezeIntrinsics() {
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    const { value } = Object.getOwnPropertyDescriptor(globalThis, name)
    if (typeof value === 'function' && value.prototype !== undefined) Object.freeze(value.prototype)
  }
}

/** Not `code`, which Node itself assigns. */
function addAccessors() {
  const fail = () => {
    throw new Error('an accessor of Object.prototype was called')
  }
  for (const name of ['price', 'codec', 'transport', 'timeoutMs']) {
    // oxlint-disable-next-line eslint/no-extend-native -- the subject of this run
    Object.defineProperty(Object.prototype, name, { configurable: true, get: () => undefined, set: fail })
  }
}

if (how === 'before') freezeIntrinsics()
const shmwire = await import('shmwire')
if (how === 'after') freezeIntrinsics()
if (how === 'accessors') addAccessors()

await exchange(shmwire)
const { connect, listen } = shmwire
for (const transport of ['auto', 'socket']) {
  const server = await listen('frozen', { transport })
  server.on('channel', (channel) => channel.handle((message) => message))
  const channel = await connect('frozen')
  assert.deepStrictEqual(await channel.request(MESSAGE), MESSAGE)
  await channel.close()
  await server.close()
}
