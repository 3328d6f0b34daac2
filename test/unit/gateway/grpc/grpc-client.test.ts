import { createServer as createHttp2 } from 'node:http2'
import { connect, createServer } from 'node:net'
import { Metadata as GrpcMetadata, Server, ServerCredentials, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import type { GrpcServiceOptions } from '../../../../src/gateway/grpc/grpc-service-options.js'
import {
  answer,
  endTestServers,
  type GrpcHandler,
  GrpcTestServer,
  grpcError,
  type TestUsers,
  usersAt,
} from '../../../support/grpc-server.js'
import { all, failure } from '../../../support/services.js'
import { eventually } from '../../../support/turns.js'

afterEach(endTestServers)

async function connected(server: { address: string }, options: GrpcServiceOptions = {}): Promise<TestUsers> {
  return usersAt(server.address, options)
}

const HANDLERS: Readonly<Record<string, GrpcHandler>> = { GetUser: answer(() => ({})) }
const NO_CONNECTION = { code: ErrorCode.UNAVAILABLE, status: 'UNAVAILABLE', executed: 'no' }

/** A port at which no server listens. */
async function freePort(): Promise<number> {
  const server = await GrpcTestServer.start(HANDLERS)
  server.kill()
  return server.port
}

describe('a client of gRPC without a server', () => {
  it('rejects at once, with the reason', async () => {
    const address = `127.0.0.1:${await freePort()}`
    expect(await failure(usersAt(address))).toMatchObject({
      ...NO_CONNECTION,
      message: expect.stringMatching(/cannot be reached: .*ECONNREFUSED.*waitForServer/) as string,
    })
    expect(await failure(usersAt('absent.invalid:1', { insecure: true }))).toMatchObject(NO_CONNECTION)
  })

  it('waits for a server with waitForServer: true', async () => {
    const port = await freePort()
    const waiting = usersAt(`127.0.0.1:${port}`, { waitForServer: true })
    await new Promise((resolve) => setTimeout(resolve, 150))
    await GrpcTestServer.start(HANDLERS, { port })
    const service = await waiting
    expect(await service.getUser({})).toMatchObject({ $typeName: 'user.GetUserResponse' })
  })

  it('stops waiting when its signal fires', async () => {
    const controller = new AbortController()
    const { signal } = controller
    const waiting = failure(usersAt(`127.0.0.1:${await freePort()}`, { waitForServer: true, signal }))
    controller.abort(new Error('enough'))
    expect(await waiting).toMatchObject({ code: ErrorCode.ABORTED, cause: { message: 'enough' } })
  })
})

describe('a client of gRPC whose server ends', () => {
  it.each([1, 3])('finds the next server, over %i connections', async (connections) => {
    let server = await GrpcTestServer.start(HANDLERS)
    const calls = await connected(server, { connections, retries: 0 })
    for (let round = 0; round < 3; round += 1) {
      await calls.getUser({})
      server.kill()
      // A request to a server that is gone fails, but not for ever.
      await failure(calls.getUser({}, { timeoutMs: 2_000 }))
      server = await GrpcTestServer.start(HANDLERS, { port: server.port })
      const began = performance.now()
      for (;;) {
        const error = await calls.getUser({}).then(
          () => undefined,
          (reason: unknown) => reason,
        )
        if (error === undefined) break
        expect(error).toMatchObject({ status: 'UNAVAILABLE' })
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      expect(performance.now() - began).toBeLessThan(6_000)
    }
  })

  it('fails calls at once while it is away, which surely did not run', async () => {
    const server = await GrpcTestServer.start(HANDLERS)
    const calls = await connected(server, { retries: 0 })
    server.kill()
    await failure(calls.getUser({}))
    expect(await failure(calls.createUser({}))).toMatchObject({
      ...NO_CONNECTION,
      message: expect.stringContaining('there is no connection to') as string,
    })
    expect(await failure(all(calls.streamUsers({})))).toMatchObject(NO_CONNECTION)
    expect(await failure(calls.upload([]))).toMatchObject(NO_CONNECTION)
  })

  it('holds calls while it is away, with whenUnavailable: wait', async () => {
    const server = await GrpcTestServer.start(HANDLERS)
    const calls = await connected(server, { whenUnavailable: 'wait' })
    server.kill()
    expect(await failure(calls.getUser({}, { timeoutMs: 150 }))).toMatchObject({
      code: ErrorCode.TIMEOUT,
      executed: 'no',
    })
    const call = calls.getUser({})
    await GrpcTestServer.start(HANDLERS, { port: server.port })
    expect(await call).toMatchObject({ $typeName: 'user.GetUserResponse' })
  })

  it('reports that a call that has begun may have run', async () => {
    let begun = 0
    const server = await GrpcTestServer.start({
      CreateUser: () => (begun += 1),
      StreamUsers: (call) => {
        begun += 1
        call.write({ name: 'a' })
      },
    })
    const calls = await connected(server)
    const failed = [failure(calls.createUser({})), failure(all(calls.streamUsers({})))]
    await eventually(() => begun === 2)
    server.kill()
    for (const error of await Promise.all(failed))
      expect(error).toMatchObject({ status: 'UNAVAILABLE', executed: 'unknown' })
    expect(begun).toBe(2)
  })
})

describe('the retries of a client of gRPC', () => {
  async function busy(fails: number): Promise<{ calls: TestUsers; count: () => number }> {
    let count = 0
    const fail: GrpcHandler = (_call, callback) => {
      count += 1
      if (count <= fails) callback(grpcError(status.UNAVAILABLE, 'busy'))
      else callback(null, {})
    }
    const server = await GrpcTestServer.start({ GetUser: fail, PutUser: fail, CreateUser: fail })
    return { calls: await connected(server), count: () => count }
  }

  it('repeat an idempotent call, and no other', async () => {
    const idempotent = await busy(2)
    await idempotent.calls.putUser({})
    expect(idempotent.count()).toBe(3)
    const other = await busy(2)
    expect(await failure(other.calls.createUser({}))).toMatchObject({
      status: 'UNAVAILABLE',
      message: 'busy',
    })
    expect(other.count()).toBe(1)
  })

  it('are bounded by a budget', async () => {
    const { calls, count } = await busy(Number.POSITIVE_INFINITY)
    for (let round = 0; round < 10; round += 1) await failure(calls.getUser({}))
    expect(count()).toBe(20)
  })

  it('repeat a call that the server refused before it ran', async () => {
    let streams = 0
    const server = createHttp2()
    server.on('stream', (stream) => {
      streams += 1
      stream.on('error', () => {})
      if (streams === 1) stream.close(7)
      else {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
        stream.end(Buffer.alloc(5))
      }
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const calls = await connected({ address: `127.0.0.1:${port}` })
    expect(await calls.createUser({})).toMatchObject({ $typeName: 'user.GetUserResponse' })
    expect(streams).toBe(2)
    await calls.$close()
    server.close()
  })
})

describe('the connections of a client of gRPC', () => {
  it('share the calls', async () => {
    const peers = new Map<string, number>()
    const server = await GrpcTestServer.start({
      GetUser: (call, callback) => {
        peers.set(call.getPeer(), (peers.get(call.getPeer()) ?? 0) + 1)
        setTimeout(() => callback(null, {}), 20)
      },
    })
    const calls = await connected(server, { connections: 3 })
    await eventually(() => {
      void calls.getUser({})
      return peers.size === 3
    })
    peers.clear()
    await Promise.all(Array.from({ length: 30 }, () => calls.getUser({})))
    expect(peers.size).toBe(3)
    expect(Math.min(...peers.values())).toBeGreaterThanOrEqual(5)
  })

  it('are replaced when the server does not answer pings', async () => {
    const server = await GrpcTestServer.start({ GetUser: answer(() => ({})) })
    const { proxy, connections } = await deafProxy(server.port)
    const calls = await connected(
      { address: `127.0.0.1:${proxy}` },
      { keepAlive: { intervalMs: 1_000, timeoutMs: 1_000 } },
    )
    await calls.getUser({})
    for (const connection of connections) connection.deafen()
    const error = await failure(calls.createUser({}, { timeoutMs: 10_000 }))
    expect(error).toMatchObject({ code: ErrorCode.PEER_GONE, status: 'UNAVAILABLE', executed: 'unknown' })
    await calls.getUser({})
    expect(connections).toHaveLength(2)
  })
})

describe('a call of gRPC without an answer', () => {
  const keepAlive = { intervalMs: Number.POSITIVE_INFINITY, timeoutMs: 1_000 }

  it('replaces a connection whose server answers nothing', async () => {
    const server = await GrpcTestServer.start({
      GetUser: answer(() => ({})),
      StreamUsers: (call) => call.write({}),
    })
    const { proxy, connections } = await deafProxy(server.port)
    const calls = await connected({ address: `127.0.0.1:${proxy}` }, { keepAlive })
    const stream = calls.streamUsers({}, { timeoutMs: Number.POSITIVE_INFINITY })
    await stream.next()
    for (const connection of connections) connection.deafen()
    expect(await failure(calls.getUser({}, { timeoutMs: 100 }))).toMatchObject({ code: ErrorCode.TIMEOUT })
    expect(await failure(stream.next())).toMatchObject({
      code: ErrorCode.PEER_GONE,
      executed: 'unknown',
      message: expect.stringContaining('the server answers nothing') as string,
    })
    await calls.getUser({})
    expect(connections).toHaveLength(2)
  })

  it('keeps a connection whose server is slow', async () => {
    let checks = 0
    const server = await GrpcTestServer.start({ GetUser: () => (checks += 1) })
    const { proxy, connections } = await deafProxy(server.port)
    const calls = await connected({ address: `127.0.0.1:${proxy}` }, { keepAlive })
    for (let round = 0; round < 3; round += 1) await failure(calls.getUser({}, { timeoutMs: 30 }))
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    await failure(calls.getUser({}, { timeoutMs: 30 }))
    expect(checks).toBe(4)
    expect(connections).toHaveLength(1)
  })
})

interface DeafConnection {
  deafen(): void
}

/** Connections through it can stop to pass anything on, as after a power failure. */
async function deafProxy(target: number): Promise<{ proxy: number; connections: DeafConnection[] }> {
  const connections: DeafConnection[] = []
  const server = createServer((socket) => {
    const upstream = connect(target, '127.0.0.1')
    socket.pipe(upstream)
    upstream.pipe(socket)
    socket.on('error', () => upstream.destroy())
    upstream.on('error', () => socket.destroy())
    socket.on('close', () => upstream.destroy())
    connections.push({
      deafen: () => {
        socket.unpipe(upstream)
        upstream.unpipe(socket)
        socket.resume()
        upstream.resume()
      },
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  return { proxy: (server.address() as { port: number }).port, connections }
}

describe('$close', () => {
  it('waits for the open calls, and refuses others', async () => {
    let finish: (() => void) | undefined
    const server = await GrpcTestServer.start({
      GetUser: (_call, callback) => {
        finish = () => callback(null, { user: { name: 'Ann' } })
      },
    })
    const calls = await connected(server)
    const open = calls.getUser({})
    await eventually(() => finish !== undefined)
    const closed = Promise.all([calls.$close(), calls.$close()])
    expect(await failure(calls.getUser({}))).toMatchObject({ code: ErrorCode.CLOSED, executed: 'no' })
    expect(await failure(all(calls.streamUsers({})))).toMatchObject({
      code: ErrorCode.CLOSED,
      executed: 'no',
    })
    finish?.()
    expect((await open).user.name).toBe('Ann')
    await closed
    await calls.$close()
  })

  it('ends the open calls after timeoutMs', async () => {
    const ended: string[] = []
    const server = await GrpcTestServer.start({
      GetUser: (call) => call.on('cancelled', () => ended.push('call')),
      StreamUsers: (call) => {
        call.on('cancelled', () => ended.push('stream'))
        call.write({})
      },
    })
    const calls = await connected(server)
    const stream = calls.streamUsers({})
    await stream.next()
    const call = failure(calls.getUser({}))
    expect(await failure(calls.$close({ timeoutMs: 50 }))).toMatchObject({ code: ErrorCode.TIMEOUT })
    expect(await call).toMatchObject({ code: ErrorCode.CLOSED, status: 'UNAVAILABLE', executed: 'unknown' })
    expect(await failure(stream.next())).toMatchObject({ code: ErrorCode.CLOSED })
    await eventually(() => ended.length === 2)
  })

  it('does not wait for a stream that has ended and was not read', async () => {
    const server = await GrpcTestServer.start({
      StreamUsers: (call) => {
        for (let id = 0; id < 70; id += 1) call.write({})
        call.emit('error', grpcError(status.ABORTED, 'over'))
      },
    })
    const calls = await connected(server)
    const stream = calls.streamUsers({})
    await calls.$close({ timeoutMs: 5_000 })
    await stream.return?.()
  })
})

describe('$ping', () => {
  const CHECK = {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  } as const

  it('asks the health service of the server', async () => {
    const requests: string[] = []
    let serving = 1
    const server = new Server()
    server.addService(
      { Check: CHECK },
      {
        // biome-ignore lint/suspicious/noExplicitAny: the types of a definition that is made here
        Check: (call: any, callback: any) => {
          requests.push(call.request.toString())
          if (serving === 0) callback({ code: status.NOT_FOUND, metadata: new GrpcMetadata() })
          else callback(null, Buffer.from([8, serving]))
        },
      },
    )
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, at) =>
        error === null ? resolve(at) : reject(error),
      )
    })
    const calls = await connected({ address: `127.0.0.1:${port}` })
    await calls.$ping()
    expect(requests[0]).toContain('user.UserService')
    serving = 2
    expect(await failure(calls.$ping())).toMatchObject({
      status: 'UNAVAILABLE',
      message: expect.stringContaining('user.UserService does not serve') as string,
    })
    serving = 0
    await calls.$ping()
    server.forceShutdown()
  })

  it('takes any answer of a server without a health service, but not its absence', async () => {
    const server = await GrpcTestServer.start(HANDLERS)
    const calls = await connected(server)
    await calls.$ping()
    server.kill()
    expect(await failure(calls.$ping())).toMatchObject({ status: 'UNAVAILABLE' })
  })
})
