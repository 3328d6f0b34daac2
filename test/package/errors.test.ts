import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { createServer } from 'node:net'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Channel } from '../../src/channel/channel.js'
import { codecFor } from '../../src/codec/codecs.js'
import { retryWhileQueueIsFull } from '../../src/control/full-queue.js'
import { peerFault } from '../../src/control/identity.js'
import { socketError } from '../../src/control/socket-error.js'
import {
  type ChannelOptions,
  client,
  connect,
  ErrorCode,
  listen,
  ServiceError,
  ShmwireError,
  serve,
} from '../../src/index.js'
import type { LinkSink } from '../../src/link/link.js'
import { JobBytes } from '../../src/messaging/queue/job-bytes.js'
import { RunningJob } from '../../src/messaging/queue/running-job.js'
import { resolveOptions } from '../../src/options.js'
import { createInProcessLinks } from '../../src/testing/in-process-link.js'
import { RecordKind } from '../../src/wire/record-kind.js'
import { readDocument } from '../support/documents.js'
import { memoryChannels } from '../support/memory-channels.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

/** The directory of the examples. */
const SHOWN_DIRECTORY = '/run/user/1000/shmwire'
const BACKLOG_MESSAGES = 1_048_577

/** The messages that the document quotes, with the code of each section. */
const quoted = readDocument('docs/errors.md')
  .split(/^## /m)
  .slice(1)
  .flatMap((section) =>
    [...section.matchAll(/^> (.*)$/gm)].map(([, message = '']) => ({
      code: section.slice(0, section.indexOf('\n')),
      message,
    })),
  )

let directory: string

beforeEach(() => {
  directory = ownRuntimeDirectory()
  // Before a test loads the addon: a process without it produces two of the messages.
  vi.stubEnv('SHMWIRE_NO_ADDON', '1')
})

describe('docs/errors.md', () => {
  it('has an entry for each code', () => {
    const entries = [...readDocument('docs/errors.md').matchAll(/^## (.*)$/gm)].map(([, code]) => code)
    expect(entries).toEqual(Object.values(ErrorCode))
  })

  it('quotes a message for each code', () => {
    expect(new Set(quoted.map(({ code }) => code))).toEqual(new Set(Object.values(ErrorCode)))
  })

  it('quotes only messages that calls produce', async () => {
    const produced = await produceAll()
    expect(quoted.filter((one) => !produced.some((other) => isSame(one, other)))).toEqual([])
    // Every message that a call produces must be in the document.
    expect(produced.filter((one) => !quoted.some((other) => isSame(one, other)))).toEqual([])
  })
})

interface Message {
  readonly code: string
  readonly message: string
}

function isSame(one: Message, other: Message): boolean {
  return one.code === other.code && one.message === other.message
}

async function produceAll(): Promise<Message[]> {
  const errors = [
    ...(await optionErrors()),
    ...(await addressErrors()),
    ...(await requestErrors()),
    ...(await serviceErrors()),
    ...(await endErrors()),
    ...messageErrors(),
    ...deniedErrors(),
    ...(await peerErrors()),
    backlogError(),
    await leaseError(),
    socketError(
      Object.assign(new Error('EMFILE'), { code: 'EMFILE', address: `${SHOWN_DIRECTORY}/prices.sock` }),
    ),
  ]
  return errors.map(({ code, message }) => ({
    code,
    message: message.replaceAll(directory, SHOWN_DIRECTORY),
  }))
}

/** The text has a time limit for which no test waits. */
async function leaseError(): Promise<ShmwireError> {
  const timeLimitMs = 60_000
  const parts = new JobBytes(Buffer.from('id'), 0, 2, 0, 0, 2)
  const link = { done: noop, failed: noop, unused: noop, extend: noop }
  const dispatched = { slot: 0, wantsReply: false, attempt: 1, attempts: 1, timeLimitMs: 1, parts }
  const { signal } = new RunningJob(dispatched, link)
  if (!signal.aborted) await once(signal, 'abort')
  const { code, message } = signal.reason as ShmwireError
  return new ShmwireError(code, message.replace(' of 1 ms', ` of ${timeLimitMs} ms`))
}

function noop(): void {}

async function optionErrors(): Promise<ShmwireError[]> {
  return [
    await rejection(connect('prices', { ringBytes: 100_000 })),
    await rejection(connect('prices', { ringByte: 1 } as ChannelOptions)),
    await rejection(listen('prices', { transport: 'shm' })),
    await rejection(connect('tcp://127.0.0.1:7000')),
    await rejection(listen('tcp://10.0.0.1:7000')),
  ]
}

async function addressErrors(): Promise<ShmwireError[]> {
  const notListening = await rejection(connect('prices'))
  const queueFull = await rejection(
    retryWhileQueueIsFull(`${directory}/prices.sock`, { timeoutMs: 5 }, () =>
      Promise.reject(socketError(Object.assign(new Error('EAGAIN'), { code: 'EAGAIN' }))),
    ),
  )
  const server = await listen('prices')
  const inUse = await rejection(listen('prices'))
  await server.close()
  const path = `${directory}/http.sock`
  const http = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(path)
  await once(http, 'listening')
  const version = await rejection(connect(`unix:${path}`))
  http.close()
  chmodSync(directory, 0o777)
  const denied = await rejection(connect('prices'))
  chmodSync(directory, 0o700)
  Object.defineProperty(process, 'permission', {
    configurable: true,
    value: { has: (scope: string) => scope === 'net' },
  })
  const notPermitted = await rejection(connect('prices'))
  Reflect.deleteProperty(process, 'permission')
  return [notListening, queueFull, inUse, version, denied, notPermitted]
}

async function serviceErrors(): Promise<ShmwireError[]> {
  const [left, right] = memoryChannels()
  const getUser = ({ id }: { id: number }): never => {
    throw new ServiceError('NOT_FOUND', `User with ID ${id} not found`)
  }
  await serve(right, { getUser }, { name: 'users' })
  const users = await client(left, { name: 'users' })
  const user = await client(left, { name: 'user' })
  return [
    await rejection(users.getUsers({ id: 7 })),
    await rejection(user.getUser({ id: 7 })),
    await rejection(users.getUser({ id: 7 })),
  ]
}

async function requestErrors(): Promise<ShmwireError[]> {
  const [left, right] = memoryChannels()
  const cancelled = new Promise<ShmwireError>((resolve) => {
    right.handle((_message, { signal }) => {
      signal.addEventListener('abort', () => resolve(signal.reason as ShmwireError))
      return new Promise(() => {})
    })
  })
  const timeout = await rejection(left.request('x', { timeoutMs: 250 }))
  const aborted = await rejection(left.request('x', { signal: AbortSignal.abort() }))
  const reason = await cancelled
  right.handle(() => {
    throw new RangeError('no such symbol')
  })
  const remote = await rejection(left.request('x'))
  right.handle(undefined)
  const unhandled = await rejection(left.request('x'))
  return [timeout, aborted, reason, remote, unhandled]
}

/** Over a socket, so that the end of the peer is the end of its connection. */
async function endErrors(): Promise<ShmwireError[]> {
  const server = await listen('prices')
  const accepted = once(server, 'channel') as Promise<[Channel]>
  const channel = await connect('prices')
  const [peer] = await accepted
  const unavailable = thrown(() => channel.sendSync('x'))
  const gone = endOf(channel)
  peer.destroy()
  const peerGone = await gone
  await server.close()

  const [left] = memoryChannels()
  const closing = rejection(left.close())
  const closed = thrown(() => left.trySend('x'))
  left.destroy()
  return [unavailable, peerGone, closed, await closing]
}

function messageErrors(): ShmwireError[] {
  const [channel] = memoryChannels({ codec: 'bytes', maxMessageBytes: 67_108_864 })
  channel.claim(1)
  const [msgpack] = memoryChannels()
  return [
    thrown(() => channel.claim(1)),
    thrown(() => channel.trySend(new Uint8Array(70_000_000))),
    thrown(() => msgpack.trySend({ config: { http: { transform: [Math.round] } } })),
  ]
}

function deniedErrors(): ShmwireError[] {
  vi.spyOn(process, 'geteuid').mockReturnValue(1000)
  const identity = {
    peer: { pid: 4711, uid: 1001, gid: 1001, verified: true },
    credentials: { pid: 4711, uid: 1001, gid: 1001 },
  }
  const answers: unknown[] = [false, Promise.resolve(true)]
  const authorizing = answers.map((answer) => ({ authorize: () => answer as boolean }))
  const errors = [{}, ...authorizing].map((options) => peerFault(identity, resolveOptions(options)))
  vi.restoreAllMocks()
  return errors.map((error) => error as ShmwireError)
}

/** A channel whose peer writes the records that the test chooses. */
async function peerErrors(): Promise<ShmwireError[]> {
  const endAfter = async (kind: number, id: number, payload: string): Promise<ShmwireError> => {
    const { channel, write } = withRawPeer()
    const end = endOf(channel)
    write(kind, id, payload)
    return end
  }
  const { channel, write } = withRawPeer()
  const pending = rejection(channel.request('x'))
  write(RecordKind.CLOSE, 0, '')
  return [
    await endAfter(RecordKind.REPLY, 7, '"x"'),
    await endAfter(RecordKind.MESSAGE, 0, '{"x'),
    await pending,
  ]
}

function withRawPeer() {
  const [peer, link] = createInProcessLinks(1024)
  const channel = new Channel({ link, codec: codecFor('json'), maxMessageBytes: 1024 })
  peer.start({ record: () => true, drain: () => {}, close: () => {} })
  return {
    channel,
    write: (kind: number, id: number, payload: string) => peer.write(kind, id, Buffer.from(payload), 0),
  }
}

/** A link that delivers messages of 16 bytes for as long as the channel waits for a reply. */
function backlogError(): ShmwireError {
  const [link] = createInProcessLinks(1024)
  const message = Buffer.alloc(64 * 1024).subarray(0, 16)
  let sink: LinkSink | undefined
  Object.assign(link, {
    start: (other: LinkSink) => {
      sink = other
    },
    waitSync: () => {
      for (let count = 0; count < BACKLOG_MESSAGES; count += 1) sink?.record(RecordKind.MESSAGE, 0, message)
    },
  })
  const channel = new Channel({
    link,
    codec: codecFor('bytes'),
    maxMessageBytes: 1024,
    maxDecodedBytes: 1 << 20,
  })
  const error = thrown(() => channel.requestSync(message))
  channel.destroy()
  return error
}

function endOf(channel: Channel): Promise<ShmwireError> {
  return new Promise((resolve) => channel.once('close', (error) => resolve(error as ShmwireError)))
}

async function rejection(promise: Promise<unknown>): Promise<ShmwireError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(outcome).toBeInstanceOf(ShmwireError)
  return outcome as ShmwireError
}

function thrown(call: () => unknown): ShmwireError {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(ShmwireError)
    return error as ShmwireError
  }
  throw new Error('the call threw nothing')
}
