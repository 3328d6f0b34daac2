import { status as Code } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { serviceErrorOf } from '../../../../src/gateway/grpc/status-details.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { serve } from '../../../../src/service/serve.js'
import { ServiceError } from '../../../../src/service-error.js'
import { createChannelPair } from '../../../../src/testing/channel-pair.js'
import { type Message, openGateway, startGateway, taken, Users } from '../../../support/grpc-gateways.js'
import { textLogger } from '../../../support/line-logger.js'
import { ownRuntimeDirectory } from '../../../support/temporary-directory.js'

const MIB = 1024 * 1024

describe('the errors of a gateway', () => {
  it('have the status, the text and the details of the service', async () => {
    const { client } = await openGateway({
      getUser() {
        throw new ServiceError('NOT_FOUND', 'Größe 100 % – 用户 7 nicht gefunden 🤷', {
          reason: 'USER_NOT_FOUND',
          details: { id: 7 },
        })
      },
    })
    const { status } = await client.unary('GetUser', {})
    expect(status).toMatchObject({
      code: Code.NOT_FOUND,
      details: 'Größe 100 % – 用户 7 nicht gefunden 🤷',
    })
    const [details] = status.metadata.get('grpc-status-details-bin')
    expect(serviceErrorOf('NOT_FOUND', '', details as Buffer)).toMatchObject({
      reason: 'USER_NOT_FOUND',
      details: { id: 7 },
    })
  })

  it('name the wrong fields of a request', async () => {
    const { client } = await openGateway({ getUser: () => ({}) })
    const { path, decode } = client.method('GetUser')
    const status = await new Promise((resolve) => {
      const notUtf8 = Buffer.from([0x12, 1, 0xff])
      client.raw
        .makeUnaryRequest(
          path,
          (bytes: Buffer) => bytes,
          decode,
          notUtf8,
          () => {},
        )
        .on('status', resolve)
    })
    expect(status).toMatchObject({ code: Code.INVALID_ARGUMENT })
  })

  it('hide the text of other errors, which goes to the logger', async () => {
    const lines: string[] = []
    const logger = textLogger(lines)
    const { client } = await openGateway(
      {
        getUser() {
          throw new TypeError('secret of /etc/passwd')
        },
      },
      { logger },
    )
    const { status } = await client.unary('GetUser', {})
    expect(status).toMatchObject({ code: Code.INTERNAL, details: 'the service failed' })
    expect(status.metadata.toJSON()).not.toHaveProperty('grpc-status-details-bin')
    expect(lines).toEqual([
      expect.stringMatching(/^gateway\.requestFailed .*user\.UserService.*getUser.*secret/),
    ])
  })

  it('hide the text of errors of interceptors', async () => {
    const { client } = await openGateway(
      { getUser: () => ({}) },
      {
        interceptors: [
          () => () => {
            throw new TypeError('secret')
          },
        ],
      },
    )
    const { status } = await client.unary('GetUser', {})
    expect(status).toMatchObject({ code: Code.INTERNAL, details: 'the gateway failed' })
  })

  it('follow the messages, headers and trailers of a stream', async () => {
    const { client } = await openGateway({
      async *streamUsers(_request: Message, { headers, trailers }: CallContext): AsyncGenerator<Message> {
        headers.set('x-begin', 'here')
        trailers.set('x-end', 'there')
        yield { name: 'one' }
        throw new ServiceError('DATA_LOSS', 'the rest is lost')
      },
    })
    const { messages, headers, status } = await taken(client.serverStream('StreamUsers', {}))
    expect(messages.map(({ name }) => name)).toEqual(['one'])
    expect(headers?.get('x-begin')).toEqual(['here'])
    expect(status).toMatchObject({ code: Code.DATA_LOSS, details: 'the rest is lost' })
    expect(status.metadata.get('x-end')).toEqual(['there'])
  })

  it('are UNIMPLEMENTED for a method that is not there', async () => {
    const { client } = await openGateway({})
    const { encode, decode } = client.method('GetUser')
    const status = await new Promise((resolve) => {
      client.raw
        .makeUnaryRequest('/user.UserService/Missing', encode, decode, {}, () => {})
        .on('status', resolve)
    })
    expect(status).toMatchObject({
      code: Code.UNIMPLEMENTED,
      details: 'this server has no method /user.UserService/Missing',
    })
  })

  it('are RESOURCE_EXHAUSTED for a message over the limit, also of a stream', async () => {
    const { client } = await openGateway({ putUser: () => ({}) }, { maxMessageBytes: MIB })
    const { status } = await client.unary('PutUser', { avatar: new Uint8Array(MIB) })
    expect(status.code).toBe(Code.RESOURCE_EXHAUSTED)
    expect(status.details).toMatch(/^a message has 10\d{5} bytes, more than maxMessageBytes: 1048576$/)
    const { call, outcome } = client.clientStream('Upload')
    call.on('error', () => {})
    call.write({ avatar: new Uint8Array(2 * MIB) })
    expect((await outcome).status.code).toBe(Code.RESOURCE_EXHAUSTED)
    expect((await client.unary('PutUser', { avatar: new Uint8Array(MIB / 2) })).status.code).toBe(Code.OK)
  })

  it('are UNAVAILABLE while the service is away, and the gateway then finds it', async () => {
    ownRuntimeDirectory()
    const { client } = await startGateway({
      services: [
        { contract: Users, target: 'users', client: { channel: { backOff: { minMs: 1, maxMs: 10 } } } },
      ],
    })
    const absent = await client.unary('GetUser', {})
    expect(absent.status).toMatchObject({
      code: Code.UNAVAILABLE,
      details: 'the service is not available; call again later',
    })
    const handlers = { getUser: () => ({}), putUser: () => ({}) }
    const service = await serve('users', handlers)
    // Another service than that of the contract.
    await expect.poll(async () => (await client.unary('GetUser', {})).status.code).toBe(Code.UNIMPLEMENTED)
    await service.close()
    await expect.poll(async () => (await client.unary('GetUser', {})).status.code).toBe(Code.UNAVAILABLE)
  })

  it('refuse an address that cannot be used at the start', async () => {
    await expect(
      startGateway({ services: [{ contract: Users, target: 'tcp://127.0.0.1:0' }] }),
    ).rejects.toMatchObject({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' })
    const [left] = createChannelPair()
    left.destroy()
    await expect(startGateway({ services: [{ contract: Users, target: left }] })).rejects.toMatchObject({
      status: 'UNAVAILABLE',
    })
  })
})
