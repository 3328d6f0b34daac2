import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Metadata, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import { errorOfStatus, type FailedAttempt } from '../../../../src/gateway/grpc/grpc-client-errors.js'
import { endTestServers, type TestUsers, usersAt } from '../../../support/grpc-server.js'
import { all, failure } from '../../../support/services.js'

const servers: Http2Server[] = []

afterEach(async () => {
  await endTestServers()
  for (const server of servers.splice(0)) server.close()
})

/** A client of a server that answers with the bytes of the test. */
async function opened(answer: (stream: ServerHttp2Stream) => void): Promise<TestUsers> {
  const server = createServer()
  server.on('stream', answer)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  servers.push(server)
  return usersAt(`127.0.0.1:${(server.address() as AddressInfo).port}`)
}

const HEADERS = { ':status': 200, 'content-type': 'application/grpc' }
const EMPTY_MESSAGE = Buffer.alloc(5)

function reply(
  stream: ServerHttp2Stream,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
  trailers: Readonly<Record<string, string>>,
): void {
  stream.respond({ ...HEADERS, ...headers }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers(trailers))
  stream.end(body)
}

describe('a server that breaks the rules of gRPC', () => {
  it('sends names and values that metadata cannot have', async () => {
    const long = 'x'.repeat(300)
    const calls = await opened((stream) =>
      reply(stream, { [long]: 'v', 'x-fine': 'v' }, EMPTY_MESSAGE, {
        'grpc-status': '0',
        [long]: 'v',
      }),
    )
    const seen: unknown[] = []
    await calls.createUser({}, { onHeaders: (headers) => seen.push([...headers]) })
    expect(seen).toEqual([[['x-fine', 'v']]])
  })

  it.each<[string, (stream: ServerHttp2Stream) => void, object]>([
    [
      'an unknown compression',
      (stream) =>
        reply(stream, { 'grpc-encoding': 'zz' }, Buffer.from([1, 0, 0, 0, 1, 1]), { 'grpc-status': '0' }),
      { status: 'UNKNOWN', message: 'the answer cannot be read' },
    ],
    [
      'no status',
      (stream) => {
        stream.respond(HEADERS)
        stream.end(EMPTY_MESSAGE)
      },
      { status: 'INTERNAL' },
    ],
    [
      'another status than a number',
      (stream) =>
        stream.respond({ ...HEADERS, 'grpc-status': 'abc', 'grpc-message': '%zz' }, { endStream: true }),
      { status: 'UNKNOWN', message: '%zz' },
    ],
    [
      'details that are not a status',
      (stream) =>
        stream.respond(
          { ...HEADERS, 'grpc-status': '5', 'grpc-status-details-bin': '////' },
          { endStream: true },
        ),
      { status: 'NOT_FOUND', details: undefined },
    ],
    [
      'a page of a proxy',
      (stream) => {
        stream.respond({ ':status': 503, 'content-type': 'text/html' })
        stream.end('<html>')
      },
      { status: 'UNAVAILABLE', message: 'Received HTTP status code 503' },
    ],
    [
      'a reset',
      (stream) => {
        stream.on('error', () => {})
        stream.close(2)
      },
      { status: 'INTERNAL' },
    ],
  ])('sends %s', async (_what, answer, expected) => {
    const calls = await opened(answer)
    expect(await failure(calls.createUser({}))).toMatchObject({ code: ErrorCode.SERVICE, ...expected })
    expect(await failure(all(calls.streamUsers({})))).toMatchObject({ code: ErrorCode.SERVICE, ...expected })
  })

  it('sends no message', async () => {
    const calls = await opened((stream) => reply(stream, {}, Buffer.alloc(0), { 'grpc-status': '0' }))
    expect(await failure(calls.createUser({}))).toMatchObject({
      code: ErrorCode.SERVICE,
      status: 'UNIMPLEMENTED',
    })
  })

  it('resets a call as if this side had cancelled it', async () => {
    const calls = await opened((stream) => {
      stream.on('error', () => {})
      stream.close(8)
    })
    expect(await failure(calls.createUser({}))).toMatchObject({
      code: ErrorCode.PEER_GONE,
      status: 'UNAVAILABLE',
      executed: 'unknown',
    })
  })
})

describe('a server that ends a connection with an error', () => {
  it('ends its calls like a lost connection, and the next call connects again', async () => {
    let calls = 0
    const users = await opened((stream) => {
      calls += 1
      stream.on('error', () => {})
      if (calls === 1) stream.session?.destroy(undefined, 2)
      else reply(stream, {}, EMPTY_MESSAGE, { 'grpc-status': '0' })
    })
    expect(await failure(users.createUser({}))).toMatchObject({
      code: ErrorCode.PEER_GONE,
      status: 'UNAVAILABLE',
      executed: 'unknown',
    })
    await users.createUser({})
  })
})

describe('the error of a status', () => {
  const attempt: FailedAttempt = {
    method: 's/m',
    target: 'host:1',
    timeoutMs: 50,
    timedOut: false,
    mayBeSent: true,
    answered: false,
    maxMessageBytes: 10,
    cause: undefined,
  }
  const trailers = new Metadata()
  trailers.set('content-type', 'application/grpc')

  it.each<[string, status, string, Partial<FailedAttempt>, object]>([
    [
      'no connection',
      status.UNAVAILABLE,
      'No connection established',
      { mayBeSent: false },
      { code: ErrorCode.UNAVAILABLE, executed: 'no' },
    ],
    [
      'a refused stream',
      status.UNAVAILABLE,
      'Stream refused by server',
      {},
      { code: ErrorCode.UNAVAILABLE, executed: 'no' },
    ],
    [
      'a stream that could not be opened',
      status.INTERNAL,
      'Failed to start HTTP/2 stream with error x',
      {},
      { code: ErrorCode.UNAVAILABLE, status: 'UNAVAILABLE', executed: 'no' },
    ],
    [
      'a lost connection',
      status.UNAVAILABLE,
      'Connection dropped',
      {},
      { code: ErrorCode.PEER_GONE, executed: 'unknown' },
    ],
    [
      'a connection that is lost after the headers',
      status.UNAVAILABLE,
      'Connection dropped',
      { answered: true },
      { code: ErrorCode.PEER_GONE, executed: 'unknown' },
    ],
    [
      'a connection that ended with an error',
      status.INTERNAL,
      'Received RST_STREAM with code 2 triggered by internal client error: Session closed with error code 2',
      {},
      { code: ErrorCode.PEER_GONE, status: 'UNAVAILABLE', executed: 'unknown' },
    ],
    [
      'a server that is not available',
      status.UNAVAILABLE,
      'busy',
      { answered: true },
      { code: ErrorCode.SERVICE, message: 'busy' },
    ],
    [
      'its own deadline',
      status.DEADLINE_EXCEEDED,
      'Deadline exceeded after 50 ms',
      { timedOut: true },
      { code: ErrorCode.TIMEOUT, executed: 'unknown' },
    ],
    [
      'its own deadline without a connection',
      status.DEADLINE_EXCEEDED,
      '',
      { timedOut: true, mayBeSent: false },
      { code: ErrorCode.TIMEOUT, executed: 'no' },
    ],
    [
      'a deadline of the server',
      status.DEADLINE_EXCEEDED,
      'slow',
      {},
      { code: ErrorCode.SERVICE, status: 'DEADLINE_EXCEEDED' },
    ],
  ])('states %s', (_what, code, details, known, expected) => {
    const error = errorOfStatus({ code, details, metadata: new Metadata() }, { ...attempt, ...known })
    expect(error).toMatchObject(expected)
  })

  it('does not mistake the trailers of a server for an error of grpc-js', () => {
    for (const details of ['Stream refused by server', 'Connection dropped', 'No connection established'])
      expect(errorOfStatus({ code: status.UNAVAILABLE, details, metadata: trailers }, attempt)).toMatchObject(
        {
          code: ErrorCode.SERVICE,
          message: details,
        },
      )
  })
})
