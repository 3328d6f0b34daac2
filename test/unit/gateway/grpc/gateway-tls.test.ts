import { Client, status as Code, credentials } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { GrpcGateway } from '../../../../src/gateway/grpc/grpc-gateway.js'
import { Authority, type Certificate } from '../../../support/certificates.js'
import { openGateway, UserClient } from '../../../support/grpc-gateways.js'

let authority: Authority
let other: Authority
let server: Certificate
let known: Certificate
let stranger: Certificate

beforeAll(() => {
  authority = new Authority()
  other = new Authority()
  server = authority.sign('localhost')
  known = authority.sign('known')
  stranger = other.sign('stranger')
})

afterAll(() => {
  authority.remove()
  other.remove()
})

function tlsClient(gateway: GrpcGateway, own?: Certificate): UserClient {
  const secure =
    own === undefined
      ? credentials.createSsl(Buffer.from(server.ca))
      : credentials.createSsl(Buffer.from(server.ca), Buffer.from(own.key), Buffer.from(own.cert))
  const client = new UserClient(new Client(gateway.address, secure))
  onTestFinished(() => client.close())
  return client
}

const handlers = { getUser: () => ({ user: { name: 'encrypted' } }) }
const soon = () => ({ deadline: Date.now() + 3_000 })

describe('a gateway with TLS', () => {
  it('serves clients that trust its certificate', async () => {
    const { gateway, client } = await openGateway(handlers, { tls: { cert: server.cert, key: server.key } })
    const { response } = await tlsClient(gateway).unary('GetUser', {}, soon())
    expect(response.user.name).toBe('encrypted')
    // Without TLS.
    expect((await client.unary('GetUser', {}, soon())).status.code).not.toBe(Code.OK)
  })

  it('demands the certificates of its clients (mutual TLS)', async () => {
    const { gateway } = await openGateway(handlers, { tls: { ...server, requestCert: true } })
    expect((await tlsClient(gateway, known).unary('GetUser', {}, soon())).status.code).toBe(Code.OK)
    for (const unknown of [undefined, stranger])
      expect((await tlsClient(gateway, unknown).unary('GetUser', {}, soon())).status.code).not.toBe(Code.OK)
  })

  it('does not start with a certificate that cannot be used', async () => {
    await expect(openGateway(handlers, { tls: { cert: 'none', key: server.key } })).rejects.toThrow(
      /the option tls for 127\.0\.0\.1:0 cannot be used: /,
    )
  })
})
