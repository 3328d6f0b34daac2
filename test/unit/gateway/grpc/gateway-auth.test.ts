import { status as Code } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import type { Authenticator, GatewayClient } from '../../../../src/gateway/authenticator.js'
import { grpcGateway } from '../../../../src/gateway/grpc/grpc-gateway.js'
import { connectTunnel } from '../../../../src/gateway/grpc/grpc-tunnel.js'
import { listen } from '../../../../src/listen.js'
import type { Identity } from '../../../../src/peer.js'
import { policy } from '../../../../src/service/auth/policy.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { ServiceError } from '../../../../src/service-error.js'
import { metadataOf, openGateway, startGateway } from '../../../support/grpc-gateways.js'

type Found = ReturnType<Authenticator['authenticate']>

function authenticator(authenticate: (client: GatewayClient) => Found): Authenticator {
  return { securityScheme: { type: 'http', scheme: 'bearer' }, challenge: 'Bearer', authenticate }
}

/** The user is the value of the header; `wrong` is refused. */
function byHeader(name: string): Authenticator {
  return authenticator(({ headers }) => {
    const value = headers[name]
    if (value === 'wrong') throw new ServiceError('UNAUTHENTICATED', 'the user is wrong')
    return typeof value === 'string' ? { subject: `${name} ${value}`, scopes: ['users:read'] } : undefined
  })
}

async function later(found: Found): Promise<Identity | undefined> {
  await new Promise(setImmediate)
  return found
}

const RULES = policy({ 'user.UserService/getUser': ['users:read'] })
const getUser = (_request: unknown, { identity }: CallContext): object => ({
  user: { name: identity?.subject ?? '' },
})

describe('a gateway with authenticators', () => {
  it('passes the identity of the first one that finds one to the service', async () => {
    const auth = [byHeader('x-user'), byHeader('x-machine')]
    const { client } = await openGateway({ getUser }, { auth, policy: RULES })
    const name = async (headers: Record<string, string>): Promise<unknown> => {
      const { response, status } = await client.unary('GetUser', {}, { metadata: metadataOf(headers) })
      return response?.user.name ?? status.code
    }
    expect(await name({ 'x-user': 'ann' })).toBe('x-user ann')
    expect(await name({ 'x-machine': 'm1' })).toBe('x-machine m1')
    expect(await name({ 'x-user': 'ann', 'x-machine': 'm1' })).toBe('x-user ann')
    expect(await name({})).toBe(Code.UNAUTHENTICATED)
  })

  it('waits for an authenticator that answers later', async () => {
    const slow = authenticator((client) => later(byHeader('x-user').authenticate(client)))
    const { client } = await openGateway({ getUser }, { auth: [slow, byHeader('x-machine')], policy: RULES })
    const { response } = await client.unary('GetUser', {}, { metadata: metadataOf({ 'x-machine': 'm1' }) })
    expect(response.user.name).toBe('x-machine m1')
  })

  it('refuses wrong credentials, also for a method that everyone may call', async () => {
    const everyone = policy({ '*': true })
    const { client } = await openGateway(
      { getUser },
      { auth: [byHeader('x-user'), byHeader('x-machine')], policy: everyone },
    )
    const metadata = metadataOf({ 'x-user': 'wrong', 'x-machine': 'm1' })
    const { status } = await client.unary('GetUser', {}, { metadata })
    expect(status).toMatchObject({ code: Code.UNAUTHENTICATED, details: 'the user is wrong' })
  })

  it('answers INTERNAL, without the reason, if an authenticator makes a mistake', async () => {
    const { client } = await openGateway(
      { getUser },
      { auth: authenticator(() => ({ subject: '' })), policy: RULES },
    )
    const { status } = await client.unary('GetUser', {})
    expect(status).toMatchObject({ code: Code.INTERNAL, details: 'the gateway failed' })
  })

  it('keeps the secrets of its clients from the services', async () => {
    let seen: unknown
    const handlers = {
      getUser: (_request: unknown, { metadata }: CallContext) => {
        seen = [metadata.get('x-other'), metadata.get('x-api-key')]
        return {}
      },
    }
    const keys = {
      ...byHeader('x-api-key'),
      securityScheme: { type: 'apiKey', in: 'header', name: 'X-Api-Key' },
    }
    const { client } = await openGateway(handlers, { auth: keys })
    await client.unary('GetUser', {}, { metadata: metadataOf({ 'x-api-key': 'ann', 'x-other': '1' }) })
    expect(seen).toEqual(['1', undefined])
  })

  it('ends a call at its deadline while an authenticator does not answer', async () => {
    const never = authenticator(() => new Promise(() => {}))
    const { client } = await openGateway({ getUser }, { auth: never })
    const { status } = await client.unary('GetUser', {}, { deadline: Date.now() + 100 })
    expect(status.code).toBe(Code.DEADLINE_EXCEEDED)
  })

  it('decides about tunnels by the headers of their calls', async () => {
    const name = `auth-tunnel-${process.pid}`
    const server = await listen(name)
    server.on('channel', () => {})
    const rules = policy({ 'shmwire.v1.TunnelService/Open': ['users:read'] })
    const { gateway } = await startGateway({
      auth: byHeader('x-user'),
      policy: rules,
      tunnels: { allow: [name] },
    })
    const address = `grpc://${gateway.address}/${name}`
    const options = { authorize: () => true, upgrade: false }
    await expect(connectTunnel(address, options)).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_DENIED',
      message: expect.stringMatching(/has no identity; check the credentials of the client$/) as string,
    })
    await expect(
      connectTunnel(address, { ...options, headers: { 'x-user': 'wrong' } }),
    ).rejects.toMatchObject({ code: 'ERR_SHMWIRE_DENIED' })
    const channel = await connectTunnel(address, { ...options, headers: { 'x-user': 'ann' } })
    expect(channel.transport).toBe('grpc')
    await channel.close()
    await server.close()
  })

  it.each([
    ['jwt'],
    [{ authenticate: 1, challenge: 'Bearer' }],
    [[{}]],
    [null],
    [{ authenticate: () => undefined, challenge: 'Bearer' }],
  ])('refuses auth: %j', async (auth) => {
    await expect(
      grpcGateway({ listen: '127.0.0.1:0', services: [], auth: auth as never, tunnels: { allow: [] } }),
    ).rejects.toMatchObject({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' })
  })
})
