// Loads shmwire into another realm, as the test environments of Jest do: its built-in classes are not those of Node's own modules, of
// Buffer, and of the values that the program sends. Needs --experimental-vm-modules. Arguments: the transport, and a list of globals of the
// realm of Node that the other realm has too.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createContext, SourceTextModule, SyntheticModule } from 'node:vm'

const [transport, shared] = process.argv.slice(2)
const NODE_GLOBALS = [
  'Buffer',
  'process',
  'console',
  'performance',
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
]
const WEB_GLOBALS = [
  'setImmediate',
  'clearImmediate',
  'queueMicrotask',
  'AbortController',
  'AbortSignal',
  'DOMException',
  'Event',
  'EventTarget',
  'TextEncoder',
  'TextDecoder',
  'structuredClone',
  'URL',
]
const context = createContext({})
for (const name of [...NODE_GLOBALS, ...WEB_GLOBALS, ...JSON.parse(shared)]) context[name] = globalThis[name]
const modules = new Map()

const { connect, listen, ErrorCode } = (await load(new URL('../../../dist/index.js', import.meta.url).href))
  .namespace
const folder = mkdtempSync(join(tmpdir(), 'shmwire-realm-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const shape = { id: 1, tags: ['a'] }
const VALUES = [
  shape,
  [shape, shape],
  [new Date(5), /a/g, new Map([[1, new Set(['x'])]]), 1n << 80n, '\ud800', undefined],
  [
    Buffer.from('ab'),
    Uint8Array.of(1, 2),
    Float64Array.of(1.5),
    Uint8Array.of(3).buffer,
    new DataView(new ArrayBuffer(2)),
  ],
]

for (const codec of ['msgpack', 'json', 'v8', 'bytes']) {
  const address = process.platform === 'win32' ? `${codec}-${process.pid}` : `unix:${join(folder, codec)}`
  const server = await listen(address, { transport, codec })
  server.on('channel', (channel) => {
    channel.handle((value) => {
      if (value === 'fail') throw Object.assign(new TypeError('no'), { code: 'E_NO', cause: new Error('c') })
      if (value === 'open') readFileSync(join(folder, 'absent'))
      return value
    })
  })
  const channel = await connect(address, { transport, codec })
  if (codec === 'bytes') {
    for (const value of [
      Uint8Array.of(1, 2),
      Buffer.of(1, 2),
      new DataView(Uint8Array.of(1, 2).buffer),
      Uint8Array.of(1, 2).buffer,
    ])
      assert.deepEqual([...(await channel.request(value))], [1, 2])
  } else {
    const values = codec === 'json' ? VALUES.slice(0, 1) : VALUES
    for (let time = 0; time < 40; time += 1)
      // The received values are of the other realm, or of this one for Buffer: only their contents are equal.
      for (const value of values) assert.equal(describe(await channel.request(value)), describe(value))
    await assert.rejects(channel.request('fail'), { code: ErrorCode.REMOTE, remoteCode: 'E_NO' })
    await assert.rejects(channel.request('open'), { code: ErrorCode.REMOTE, remoteCode: 'ENOENT' })
  }
  if (codec === 'msgpack') {
    const error = await channel.request(
      Object.assign(new RangeError('far', { cause: new TypeError('c') }), { code: 7 }),
    )
    assert.deepEqual(
      [error.name, error.message, error.code, error.cause.name],
      ['RangeError', 'far', 7, 'TypeError'],
    )
    await assert.rejects(channel.request({ a: [() => 1] }), /message\.a\[0\] is a function/)
  }
  await channel.close()
  await server.close()
}
console.log(JSON.stringify('done'))

/** The class and the contents of a value, of any realm, as nested lists. */
function describe(value) {
  return JSON.stringify(partsOf(value))
}

function partsOf(value) {
  const tag = Object.prototype.toString.call(value)
  if (tag === '[object Map]' || tag === '[object Set]') return [tag, [...value].map(partsOf)]
  if (tag === '[object ArrayBuffer]') return [tag, [...new Uint8Array(value)]]
  if (ArrayBuffer.isView(value))
    return [
      tag,
      Buffer.isBuffer(value),
      [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)],
    ]
  if (Array.isArray(value)) return value.map(partsOf)
  if (tag !== '[object Object]') return [tag, String(value)]
  return Object.entries(value).map(([key, member]) => [key, partsOf(member)])
}

async function load(identifier) {
  const module = await create(identifier)
  if (module.status === 'unlinked')
    await module.link((specifier, { identifier: from }) => create(resolve(specifier, from)))
  if (module.status === 'linked') await module.evaluate()
  return module
}

function resolve(specifier, from) {
  return specifier.startsWith('.') ? new URL(specifier, from).href : specifier
}

function create(identifier) {
  if (!modules.has(identifier))
    modules.set(identifier, identifier.startsWith('file:') ? ofFile(identifier) : ofNode(identifier))
  return modules.get(identifier)
}

async function ofNode(identifier) {
  const namespace = await import(identifier)
  return new SyntheticModule(
    Object.keys(namespace),
    function () {
      for (const [name, value] of Object.entries(namespace)) this.setExport(name, value)
    },
    { context, identifier },
  )
}

async function ofFile(identifier) {
  return new SourceTextModule(readFileSync(fileURLToPath(identifier), 'utf8'), {
    context,
    identifier,
    initializeImportMeta: (meta) => {
      meta.url = identifier
    },
    importModuleDynamically: (specifier) => load(resolve(specifier, identifier)),
  })
}
