import { connectivityState, credentials } from '@grpc/grpc-js'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { ConnectionPool, type PooledConnection } from '../../../../src/gateway/grpc/connection-pool.js'
import { answer, endTestServers, GrpcTestServer } from '../../../support/grpc-server.js'
import { eventually } from '../../../support/turns.js'

afterEach(endTestServers)

function poolOf(target: string, count: number): ConnectionPool {
  const pool = new ConnectionPool(
    target,
    credentials.createInsecure(),
    { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 100 },
    { count, silenceMs: 200 },
  )
  onTestFinished(() => pool.close())
  return pool
}

function start(port = 0): Promise<GrpcTestServer> {
  return GrpcTestServer.start({ GetUser: answer(() => ({})) }, { port })
}

function isReady({ client }: PooledConnection): boolean {
  return client.getChannel().getConnectivityState(false) === connectivityState.READY
}

describe('a pool of connections', () => {
  it('picks the connection with the fewest calls', async () => {
    const { address } = await start()
    const pool = poolOf(address, 3)
    const picked = new Set<PooledConnection>()
    // A connection that is ready comes before the others.
    await eventually(() => {
      const connection = pool.pick()
      connection.calls += 1
      picked.add(connection)
      return picked.size === 3 && [...picked].every(isReady)
    })
    for (const connection of picked) connection.calls = 5
    const [, second] = [...picked]
    ;(second as PooledConnection).calls = 4
    expect(pool.pick()).toBe(second)
  })

  it('reports the first connection once, and failed attempts before it', async () => {
    const server = await start()
    server.kill()
    const pool = poolOf(server.address, 2)
    let failures = 0
    let successes = 0
    let later: Promise<unknown> | undefined
    await new Promise<void>((resolve) => {
      pool.watch(
        () => {
          successes += 1
          resolve()
        },
        () => {
          failures += 1
          later ??= start(server.port)
        },
      )
    })
    await later
    expect(failures).toBeGreaterThan(0)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(successes).toBe(1)
  })

  it('reports nothing after the watch has ended', async () => {
    const server = await start()
    const pool = poolOf(server.address, 1)
    let reports = 0
    const count = (): void => {
      reports += 1
    }
    pool.watch(count, count)()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(reports).toBe(0)
  })

  it('states why there is no connection', async () => {
    const server = await start()
    server.kill()
    const pool = poolOf(server.address, 1)
    await new Promise<void>((resolve) => {
      pool.watch(() => {}, resolve)
    })
    expect(await pool.failure()).toContain('ECONNREFUSED')
  })
})
