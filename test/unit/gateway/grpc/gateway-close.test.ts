import { status as Code } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { grpcGateway } from '../../../../src/gateway/grpc/grpc-gateway.js'
import { ServiceError } from '../../../../src/service-error.js'
import { createChannelPair } from '../../../../src/testing/channel-pair.js'
import {
  type Message,
  openGateway,
  startGateway,
  taken,
  Users,
  userClient,
} from '../../../support/grpc-gateways.js'
import { waitFor } from '../../../support/wait-for.js'

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

describe('the end of a gateway', () => {
  it('waits for open calls, which get their answers', async () => {
    const begun = deferred()
    const go = deferred()
    const { gateway, client } = await openGateway({
      async getUser() {
        begun.resolve()
        await go.promise
        return { user: { name: 'late' } }
      },
    })
    const call = client.unary('GetUser', {})
    await begun.promise
    let closed = false
    const closing = gateway.close().then(() => {
      closed = true
    })
    const other = await userClient(gateway).unary('GetUser', {}, { deadline: Date.now() + 2_000 })
    expect(other.status.code).toBe(Code.UNAVAILABLE)
    expect(closed).toBe(false)
    go.resolve()
    expect((await call).response.user.name).toBe('late')
    await closing
    await gateway.close()
  })

  it.each(['the time', 'the signal'])('cancels calls after %s', async (what) => {
    let ended = false
    const { gateway, client } = await openGateway({
      async *streamUsers(): AsyncGenerator<Message> {
        try {
          for (;;) {
            yield { name: 'again' }
            await new Promise((resolve) => {
              setImmediate(resolve)
            })
          }
        } finally {
          ended = true
        }
      },
    })
    const stream = client.serverStream('StreamUsers', {})
    const all = taken(stream)
    await new Promise((resolve) => {
      stream.once('data', resolve)
    })
    await gateway.close(what === 'the time' ? { timeoutMs: 50 } : { signal: AbortSignal.timeout(50) })
    const { status } = await all
    expect(status).toMatchObject({ code: Code.UNAVAILABLE, details: 'the gateway has closed' })
    await waitFor(() => expect(ended).toBe(true))
  })

  it('does not wait for a client that reads nothing', async () => {
    const { gateway, client } = await openGateway({
      async *streamUsers(): AsyncGenerator<Message> {
        for (;;) yield { avatar: new Uint8Array(100_000) }
      },
    })
    const stream = client.serverStream('StreamUsers', {})
    stream.on('error', () => {})
    await new Promise((resolve) => {
      stream.once('data', () => {
        stream.pause()
        resolve(undefined)
      })
    })
    await gateway.close({ timeoutMs: 50 })
  })

  it('frees the port', async () => {
    const [left] = createChannelPair()
    const services = [{ contract: Users, target: left }]
    const first = await grpcGateway({ services, listen: '127.0.0.1:0' })
    await expect(grpcGateway({ services, listen: first.address })).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_NAME_IN_USE',
      message: `the address ${first.address} is in use; close the other program, or choose another port`,
    })
    await first.close()
    const second = await grpcGateway({ services, listen: first.address })
    expect(second).toMatchObject({ address: first.address, port: first.port })
    await second.close()
  })

  it('moves clients of old connections to new ones', async () => {
    const { client } = await openGateway(
      { getUser: () => ({}) },
      { maxConnectionAgeMs: 1_000, keepAlive: { intervalMs: 100 } },
    )
    const endMs = performance.now() + 2_500
    let calls = 0
    for (; performance.now() < endMs; calls += 1)
      expect((await client.unary('GetUser', {})).status.code).toBe(Code.OK)
    expect(calls).toBeGreaterThan(1)
  })
})

describe('a gateway in front of a channel that has ended', () => {
  it('fails calls with UNAVAILABLE', async () => {
    const [left, right] = createChannelPair()
    const { client } = await startGateway({ services: [{ contract: Users, target: left }] })
    right.destroy(new ServiceError('INTERNAL', 'lost'))
    await waitFor(() => expect(left.open).toBe(false))
    expect((await client.unary('GetUser', {})).status.code).toBe(Code.UNAVAILABLE)
  })
})
