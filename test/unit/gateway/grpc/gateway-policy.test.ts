import { Client, status as Code, credentials, Metadata as GrpcMetadata } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { GrpcGatewayOptions } from '../../../../src/gateway/grpc/gateway-options.js'
import type { GrpcGateway } from '../../../../src/gateway/grpc/grpc-gateway.js'
import type { Peer } from '../../../../src/peer.js'
import { IDENTITY_HEADER } from '../../../../src/service/auth/identity.js'
import { policy } from '../../../../src/service/auth/policy.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { Authority, type Certificate } from '../../../support/certificates.js'
import { openGateway, UserClient } from '../../../support/grpc-gateways.js'
import { textLogger } from '../../../support/line-logger.js'

let authority: Authority
let server: Certificate
let orders: Certificate

beforeAll(() => {
  authority = new Authority()
  server = authority.sign('localhost')
  orders = authority.sign('orders')
})

afterAll(() => authority.remove())

/** Handlers that record their callers. */
function recording(): { readonly handlers: Record<string, unknown>; readonly callers: unknown[] } {
  const callers: unknown[] = []
  const getUser = (_request: unknown, { identity }: CallContext): object => {
    callers.push(identity)
    return {}
  }
  return { handlers: { getUser, putUser: getUser }, callers }
}

function clientOf(gateway: GrpcGateway, { ca, key, cert }: Certificate): UserClient {
  const secure = credentials.createSsl(Buffer.from(ca), Buffer.from(key), Buffer.from(cert))
  const client = new UserClient(new Client(gateway.address, secure))
  onTestFinished(() => client.close())
  return client
}

async function codes(client: UserClient): Promise<number[]> {
  const outcomes = [await client.unary('GetUser', {}), await client.unary('PutUser', {})]
  return outcomes.map(({ status }) => status.code)
}

describe('a gateway with a policy', () => {
  const mutual = (): Partial<GrpcGatewayOptions> => ({ tls: { ...server, requestCert: true } })

  it('refuses clients without an identity, before the service has the call', async () => {
    const { handlers, callers } = recording()
    const rules = policy({ 'user.UserService/getUser': ['local'], 'user.UserService/putUser': true })
    const { client } = await openGateway(handlers, { policy: rules })
    expect(await codes(client)).toEqual([Code.UNAUTHENTICATED, Code.OK])
    expect(callers).toEqual([undefined])
  })

  it('gives a client of mutual TLS the name of its certificate', async () => {
    const { handlers, callers } = recording()
    const rules = policy({ 'user.UserService/getUser': (identity) => identity?.subject === 'orders' })
    const { gateway } = await openGateway(handlers, { ...mutual(), policy: rules })
    expect(await codes(clientOf(gateway, orders))).toEqual([Code.OK, Code.PERMISSION_DENIED])
    expect(callers).toEqual([{ subject: 'orders', scopes: [], roles: [] }])
  })

  it('gives no identity to a client whose certificate is not verified', async () => {
    const { handlers, callers } = recording()
    const tls = { ...server, requestCert: true, rejectUnauthorized: false }
    const { gateway } = await openGateway(handlers, { tls, policy: policy({ 'user.UserService/*': true }) })
    const stranger = new Authority()
    onTestFinished(() => stranger.remove())
    const own = { ...stranger.sign('orders'), ca: authority.ca }
    for (const certificate of [own, orders]) await clientOf(gateway, certificate).unary('GetUser', {})
    expect(callers).toEqual([undefined, { subject: 'orders', scopes: [], roles: [] }])
  })

  it('passes the identity that the program finds to the service, which has the same policy', async () => {
    const { handlers, callers } = recording()
    const rules = policy({ 'user.UserService/*': ['users:read'] })
    const identify = ({ certificate, address, verified }: Peer) => ({
      subject: `${String(certificate?.subject.CN)} at ${address}`,
      scopes: verified ? ['users:read'] : [],
    })
    const { gateway } = await openGateway(
      handlers,
      { ...mutual(), policy: rules, identify },
      { policy: rules },
    )
    expect(await codes(clientOf(gateway, orders))).toEqual([Code.OK, Code.OK])
    expect(callers[0]).toEqual({ subject: 'orders at 127.0.0.1', scopes: ['users:read'], roles: [] })
  })

  it('believes no identity that a client states', async () => {
    const { handlers } = recording()
    const rules = policy({ 'user.UserService/*': ['local'] })
    const { client } = await openGateway(handlers, {}, { policy: rules })
    const metadata = new GrpcMetadata()
    metadata.set(IDENTITY_HEADER, Buffer.from('{"subject":"root","roles":["local"]}'))
    const { status } = await client.unary('GetUser', {}, { metadata })
    expect(status.code).toBe(Code.UNAUTHENTICATED)
  })

  it('ends a call with INTERNAL if the policy or identify fails, and logs the reason', async () => {
    const lines: string[] = []
    const logger = textLogger(lines)
    const broken = { logger, identify: () => ({ subject: '' }) }
    const { client } = await openGateway(recording().handlers, broken)
    const { status } = await client.unary('GetUser', {})
    expect([status.code, status.details]).toEqual([Code.INTERNAL, 'the gateway failed'])
    expect(lines.join()).toContain('the result of identify.subject')
  })

  it('waits for a decision no longer than the call', async () => {
    const { handlers, callers } = recording()
    const rules = policy({ '*': () => new Promise(() => {}) })
    const { client } = await openGateway(handlers, { policy: rules })
    const { status } = await client.unary('GetUser', {}, { deadline: Date.now() + 50 })
    expect(status.code).toBe(Code.DEADLINE_EXCEEDED)
    expect(callers).toEqual([])
  })

  it.each([{ policy: {} }, { identify: 5 }, { policy: policy({ 'user.UserService/getUsr': true }) }])(
    'refuses the option %j',
    async (wrong) => {
      await expect(openGateway({}, wrong as never)).rejects.toMatchObject({
        code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
      })
    },
  )
})
