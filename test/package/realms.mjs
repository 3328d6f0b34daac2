// Exchanges values of another realm, as test runners and `node:vm` create them.
import assert from 'node:assert/strict'
import { createContext, runInContext } from 'node:vm'
import { connect, ErrorCode, listen } from 'shmwire'

const realm = createContext()
const foreign = (code) => runInContext(code, realm)

/** Code of each value, and the value that arrives in this realm. */
const VALUES = {
  'new Date(5)': new Date(5),
  '/a+/gi': /a+/gi,
  'new Map([[1, new Set(["a"])]])': new Map([[1, new Set(['a'])]]),
  '[1, { two: new Date(2) }]': [1, { two: new Date(2) }],
  '({ data: new Uint8Array([1, 2]).buffer })': { data: new Uint8Array([1, 2]).buffer },
  '({ data: new Float64Array([0.5]) })': { data: new Float64Array([0.5]) },
}

for (const transport of ['auto', 'socket']) {
  const server = await listen('realms', { transport })
  server.on('channel', (channel) => channel.handle((code) => foreign(code)))
  const channel = await connect('realms')
  for (const [code, expected] of Object.entries(VALUES)) {
    const reply = await channel.request(code)
    assert.deepStrictEqual(reply, expected, code)
  }
  const error = await channel.request('new TypeError("an error as a value")')
  assert.ok(error instanceof TypeError)
  assert.equal(error.message, 'an error as a value')
  for (const code of [
    'throw Object.assign(new Error("m"), { code: "E_TEST" })',
    'throw { code: "E_TEST", message: "m" }',
  ]) {
    const thrown = { code: ErrorCode.REMOTE, remoteCode: 'E_TEST', message: /\bm\b/ }
    await assert.rejects(channel.request(code), thrown, code)
  }
  await channel.close()
  await server.close()
}

const server = await listen('realms', { codec: 'bytes' })
server.on('channel', (channel) => channel.handle((bytes) => bytes))
const channel = await connect('realms', { codec: 'bytes' })
for (const code of ['new Uint8Array([1, 2, 3])', 'new Uint8Array([1, 2, 3]).buffer']) {
  const reply = await channel.request(foreign(code))
  assert.deepStrictEqual([...reply], [1, 2, 3], code)
}
await channel.close()
await server.close()
