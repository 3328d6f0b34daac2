// The suite for other runtimes: checks each part that a runtime can break, against a server in any runtime. Prints a line for
// each check, and exits with 1 after the first that fails. Ends by itself: nothing of a closed channel keeps a process alive.
//   client.mjs finish|kill <command of the server's runtime>
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { client, connect, ErrorCode, listen } from 'shmwire'
import { agent } from 'shmwire/http'

const [end, program, ...args] = process.argv.slice(2)
const address = `runtimes-${process.pid}`
/** A check that hangs must fail, and not wait for the stage. */
const watchdog = setTimeout(() => fail('the suite', new Error('it took longer than 2 minutes')), 120_000)

const IDLE_MS = 150
const BYTES = [0, 1, 64, 100_000, 2_000_000]

const bytesOf = (length) => Buffer.from({ length }, (_, index) => (index * 31 + length) & 0xff)
const codeOf = (promise) =>
  promise.then(
    () => 'no error',
    (error) => error.code,
  )
const next = async (channel) => (await once(channel, 'message'))[0]

let server
let channel
let hasWeb

const checks = {
  async 'starts the server'() {
    const script = fileURLToPath(new URL('server.mjs', import.meta.url))
    server = spawn(program, [...args, script, address], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [said] = await once(server.stdout, 'data')
    assert.equal(String(said), 'ready\n')
  },

  async 'shares memory with a verified peer'() {
    channel = await connect(address)
    assert.deepEqual([channel.transport, channel.fallbackReason], ['shm', undefined])
    const peer = await channel.request({ what: 'who' })
    hasWeb = peer.hasWeb
    assert.deepEqual(channel.peer, { ...channel.peer, pid: peer.pid, uid: peer.uid, verified: true })
    assert.deepEqual(peer.peer, {
      ...peer.peer,
      pid: process.pid,
      uid: process.geteuid(),
      verified: true,
    })
  },

  async 'carries messages of every size both ways'() {
    for (const length of BYTES) {
      const bytes = bytesOf(length)
      const echo = next(channel)
      await channel.send({ length, bytes })
      const message = await echo
      assert.equal(message.length, length)
      assert.ok(bytes.equals(message.bytes), `${length} bytes differ`)
    }
  },

  async 'keeps the order of messages and replies'() {
    const received = []
    const collect = (message) => received.push(message)
    channel.on('message', collect)
    // A listener gets messages from the next turn on. Those that arrive before it are held, and a reply may overtake them.
    await sleep(10)
    assert.equal(await channel.request({ what: 'count', value: 3_000 }), 'all sent')
    channel.off('message', collect)
    assert.deepEqual(
      received,
      Array.from({ length: 3_000 }, (_, index) => index),
    )
  },

  async 'answers many requests at once'() {
    const values = Array.from({ length: 500 }, (_, index) => index)
    const replies = await Promise.all(values.map((value) => channel.request({ what: 'double', value })))
    assert.deepEqual(
      replies,
      values.map((value) => value * 2),
    )
  },

  async 'keeps the types of values'() {
    const value = {
      map: new Map([[1, new Set(['a'])]]),
      big: 2n ** 70n,
      zero: -0,
      text: 'ping \ud83d\ude00',
      date: new Date(1e12),
    }
    assert.deepStrictEqual(await channel.request({ what: 'echo', value }), value)
  },

  async 'reports an error of the handler'() {
    const error = await channel.request({ what: 'fail' }).catch((thrown) => thrown)
    assert.deepEqual([error.code, error.remoteCode], [ErrorCode.REMOTE, 'E_TEST'])
    assert.match(error.message, /RangeError: the handler failed/)
  },

  async 'wakes both sides after idle times'() {
    for (let round = 0; round < 3; round += 1) {
      await sleep(IDLE_MS)
      assert.equal(await channel.request({ what: 'double', value: round }, { timeoutMs: 5_000 }), round * 2)
    }
    const message = next(channel)
    await channel.request({ what: 'later', value: IDLE_MS })
    assert.equal(await message, 'later')
    assert.ok(channel.stats().wakesReceived > 0, 'the doorbell never woke this side')
  },

  async 'cancels calls by timeout and signal'() {
    const slow = { what: 'slow', value: 300 }
    assert.equal(await codeOf(channel.request(slow, { timeoutMs: 20 })), ErrorCode.TIMEOUT)
    assert.equal(await codeOf(channel.request(slow, { signal: AbortSignal.timeout(20) })), ErrorCode.ABORTED)
  },

  async 'makes blocking calls in a worker thread'() {
    const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData: address })
    const [outcome] = await once(worker, 'message')
    assert.deepEqual(outcome, { transport: 'shm', reply: 42, echo: 'blocking', none: ErrorCode.TIMEOUT })
    const [code] = await once(worker, 'exit')
    assert.equal(code, 0)
  },

  async 'makes blocking calls in the main thread'() {
    assert.equal(channel.requestSync({ what: 'double', value: 4 }, 5_000), 8)
    assert.throws(() => channel.receiveSync(30), { code: ErrorCode.TIMEOUT })
    assert.equal(await channel.request({ what: 'double', value: 5 }), 10)
  },

  async 'sends claims and receives views'() {
    const bytes = await connect(`${address}.bytes`, { codec: 'bytes', views: true })
    for (const length of BYTES) {
      const sent = bytesOf(length)
      const echo = once(bytes, 'message').then(([view]) => Buffer.from(view))
      const claim = bytes.claim(length)
      claim.bytes.set(sent)
      claim.commit(length)
      assert.ok((await echo).equals(sent), `${length} bytes differ`)
    }
    await bytes.close()
  },

  async 'calls a service, with streams, errors, deadlines and cancellation'() {
    const service = await client(`${address}.service`)
    assert.equal(await service.double({ value: 21 }), 42)
    const numbers = []
    for await (const number of service.count({ to: 500 })) numbers.push(number)
    assert.equal(numbers.length, 500)
    assert.equal(await service.sum(Readable.from(numbers)), 125_250)
    const refused = await service.fail().catch((error) => error)
    assert.deepEqual([refused.code, refused.status], [ErrorCode.SERVICE, 'NOT_FOUND'])
    assert.equal(await codeOf(service.wait({}, { timeoutMs: 20 })), ErrorCode.TIMEOUT)
    assert.equal(await codeOf(service.wait({}, { signal: AbortSignal.timeout(20) })), ErrorCode.ABORTED)
    await service.$close()
  },

  async 'sends an HTTP request over a channel'() {
    if (!hasWeb) return 'the runtime of the server has no HTTP server for it'
    const connections = agent(`${address}.web`)
    const sent = request('http://localhost/', { agent: connections, method: 'POST' })
    sent.end('the body')
    const [response] = await once(sent, 'response')
    assert.equal(await text(response), 'the body')
    connections.destroy()
  },

  async 'uses the socket if the options require it'() {
    const socket = await connect(address, { transport: 'socket' })
    assert.deepEqual([socket.transport, socket.peer.verified], ['unix', true])
    assert.match(socket.fallbackReason, /the client has the option/)
    for (const length of BYTES) {
      const value = bytesOf(length)
      assert.ok(value.equals(await socket.request({ what: 'echo', value })), `${length} bytes differ`)
    }
    await socket.close()
  },

  async 'refuses a name of a live server, and a name without a server'() {
    assert.equal(await codeOf(listen(address)), ErrorCode.NAME_IN_USE)
    assert.equal(await codeOf(connect(`${address}.nobody`)), ErrorCode.NOT_LISTENING)
  },

  async 'closes in order'() {
    const reply = channel.request({ what: 'slow', value: 50 })
    const closed = once(channel, 'close')
    await channel.close({ timeoutMs: 5_000 })
    assert.equal(await reply, 'slow')
    assert.deepEqual(await closed, [undefined])
    assert.equal(await codeOf(channel.send('late')), ErrorCode.CLOSED)
  },

  async 'ends the server, or reports its death'() {
    const last = await connect(address)
    // Not `once`, which rejects at the `error` event.
    const closed = new Promise((resolve) => last.once('close', resolve))
    const exited = new Promise((resolve) => server.once('exit', (...how) => resolve(how)))
    const outcome = await codeOf(last.request({ what: end }, { timeoutMs: 5_000 }))
    if (end === 'finish')
      assert.deepEqual([outcome, await closed, await exited], ['no error', undefined, [0, null]])
    else
      assert.deepEqual(
        [outcome, (await closed).code, await exited],
        [ErrorCode.PEER_GONE, ErrorCode.PEER_GONE, [null, 'SIGKILL']],
      )
  },
}

for (const [name, check] of Object.entries(checks)) {
  const startMs = performance.now()
  let skipped
  try {
    skipped = await check()
  } catch (error) {
    fail(name, error)
  }
  const milliseconds = (performance.now() - startMs).toFixed(0)
  console.log(skipped === undefined ? `ok ${name} (${milliseconds} ms)` : `skip ${name}: ${skipped}`)
}
clearTimeout(watchdog)

function fail(name, error) {
  console.log(`FAIL ${name}: ${error.stack}`)
  server?.kill('SIGKILL')
  process.exit(1)
}
