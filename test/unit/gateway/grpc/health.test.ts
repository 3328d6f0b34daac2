import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  Client,
  type ClientReadableStream,
  status as Code,
  credentials,
  type StatusObject,
} from '@grpc/grpc-js'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { GrpcGateway } from '../../../../src/gateway/grpc/grpc-gateway.js'
import { healthTypes } from '../../../../src/gateway/grpc/own-descriptors.js'
import { snapshot } from '../../../../src/observe/snapshot.js'
import { serve } from '../../../../src/service/serve.js'
import { createChannelPair } from '../../../../src/testing/channel-pair.js'
import { type Message, startGateway, Users, userHandlers } from '../../../support/grpc-gateways.js'
import { ownRuntimeDirectory } from '../../../support/temporary-directory.js'
import { waitFor } from '../../../support/wait-for.js'

const SERVING = 1
const NOT_SERVING = 2
const SERVICE_UNKNOWN = 3
const NAME = 'user.UserService'

const types = healthTypes()
const REQUEST = types.getMessage('grpc.health.v1.HealthCheckRequest') as Message
const RESPONSE = types.getMessage('grpc.health.v1.HealthCheckResponse') as Message

const encode = (service: string): Buffer =>
  Buffer.from(toBinary(REQUEST, create(REQUEST, { service } as Message)))
const decode = (bytes: Buffer): number => (fromBinary(RESPONSE, bytes) as Message).status

function healthClient(gateway: GrpcGateway) {
  const client = new Client(gateway.address, credentials.createInsecure())
  onTestFinished(() => client.close())
  return {
    check: (service: string): Promise<{ serving: number | undefined; status: StatusObject }> =>
      new Promise((resolve) => {
        let serving: number | undefined
        client
          .makeUnaryRequest('/grpc.health.v1.Health/Check', encode, decode, service, (_error, value) => {
            serving = value
          })
          .on('status', (status) => setImmediate(() => resolve({ serving, status })))
      }),
    watch: (
      service: string,
    ): { seen: number[]; status: Promise<StatusObject>; call: ClientReadableStream<number> } => {
      const seen: number[] = []
      const call = client.makeServerStreamRequest('/grpc.health.v1.Health/Watch', encode, decode, service)
      call.on('data', (serving: number) => seen.push(serving)).on('error', () => {})
      const status = new Promise<StatusObject>((resolve) => {
        call.on('status', resolve)
      })
      return { seen, status, call }
    },
  }
}

describe('the health of a gateway', () => {
  it('is that of its services', async () => {
    ownRuntimeDirectory()
    const { gateway } = await startGateway({
      services: [
        { contract: Users, target: 'users', client: { channel: { backOff: { minMs: 1, maxMs: 10 } } } },
      ],
    })
    const { check, watch } = healthClient(gateway)
    expect((await check(NAME)).serving).toBe(NOT_SERVING)
    expect((await check('')).serving).toBe(NOT_SERVING)
    expect((await check('user.Missing')).status).toMatchObject({
      code: Code.NOT_FOUND,
      details: 'this server has no service "user.Missing"',
    })
    const service = watch(NAME)
    const whole = watch('')
    const unknown = watch('user.Missing')
    await waitFor(() => expect(service.seen).toEqual([NOT_SERVING]))

    const running = await serve('users', userHandlers({}), { contract: Users })
    await waitFor(() => expect(service.seen).toEqual([NOT_SERVING, SERVING]))
    expect((await check('')).serving).toBe(SERVING)
    await running.close()
    await waitFor(() => expect(service.seen).toEqual([NOT_SERVING, SERVING, NOT_SERVING]))
    await waitFor(() => expect(whole.seen).toEqual([NOT_SERVING, SERVING, NOT_SERVING]))
    expect(unknown.seen).toEqual([SERVICE_UNKNOWN])
    // These are not calls of services.
    const figures = snapshot().gateways.find(({ address }) => address === gateway.address)
    expect(figures).toMatchObject({ running: 0, clientErrors: 0, serverErrors: 0, latency: { count: 0 } })
  })

  it('is SERVING until a gateway with tunnels only closes', async () => {
    const { gateway } = await startGateway({ tunnels: { allow: ['prices'] } })
    const { seen } = healthClient(gateway).watch('')
    await waitFor(() => expect(seen).toEqual([SERVING]))
    await gateway.close()
    await waitFor(() => expect(seen).toEqual([SERVING, NOT_SERVING]))
  })

  it('is NOT_SERVING while the gateway closes, which ends the watches', async () => {
    let answer!: () => void
    let begun!: () => void
    const beginning = new Promise<void>((resolve) => {
      begun = resolve
    })
    const [left, right] = createChannelPair()
    const getUser = (): Promise<object> => {
      begun()
      return new Promise((resolve) => {
        answer = () => resolve({})
      })
    }
    await serve(right, userHandlers({ getUser }), { contract: Users })
    const { gateway, client } = await startGateway({ services: [{ contract: Users, target: left }] })
    const { check, watch } = healthClient(gateway)
    expect((await check(NAME)).serving).toBe(SERVING)
    const { seen, status } = watch(NAME)
    const call = client.unary('GetUser', {})
    await beginning
    await waitFor(() => expect(seen).toEqual([SERVING]))
    const closing = gateway.close()
    await waitFor(() => expect(seen).toEqual([SERVING, NOT_SERVING]))
    answer()
    expect((await call).status.code).toBe(Code.OK)
    await closing
    expect((await status).code).toBe(Code.UNAVAILABLE)
  })

  it('forgets watches that their clients have cancelled', async () => {
    const [left, right] = createChannelPair()
    await serve(right, userHandlers({}), { contract: Users })
    const { gateway } = await startGateway({ services: [{ contract: Users, target: left }] })
    const { watch } = healthClient(gateway)
    const { seen, call, status } = watch(NAME)
    await waitFor(() => expect(seen).toEqual([SERVING]))
    call.cancel()
    expect((await status).code).toBe(Code.CANCELLED)
    right.destroy()
    const later = watch(NAME)
    await waitFor(() => expect(later.seen).toEqual([NOT_SERVING]))
    expect(seen).toEqual([SERVING])
  })
})
