import { status as Code } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { apiKeys, clientCredentials } from '../../../../src/gateway/auth/index.js'
import type { Authenticator } from '../../../../src/gateway/authenticator.js'
import { policy } from '../../../../src/service/auth/policy.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { metadataOf, openGateway } from '../../../support/grpc-gateways.js'
import {
  AuthServer,
  authFor,
  endAuthServers,
  identityFor,
  issuerKey,
  nowS,
  sendJson,
} from '../../../support/tokens.js'

afterEach(endAuthServers)

const RULES = policy({ 'user.UserService/getUser': ['users:read'] })
const getUser = (_request: unknown, { identity }: CallContext): object => ({
  user: { name: identity?.subject ?? '' },
})

describe('a gateway of gRPC', () => {
  it('accepts tokens and keys, and refuses the others with their status', async () => {
    const key = await issuerKey()
    const secret = 'a key of many characters'.replaceAll(' ', '-')
    const scopes = ['users:read']
    const auth: Authenticator[] = [
      authFor([key]),
      apiKeys([{ key: secret, identity: { subject: 'batch', scopes } }]),
    ]
    const { client } = await openGateway({ getUser }, { auth, policy: RULES })
    const call = async (headers: Record<string, string>): Promise<unknown> => {
      const { response, status } = await client.unary('GetUser', {}, { metadata: metadataOf(headers) })
      return response?.user.name ?? `${status.code} ${status.details}`
    }
    const bearer = async (claims: object): Promise<unknown> =>
      call({ authorization: `Bearer ${await key.sign(claims)}` })
    expect(await bearer({ scope: 'users:read' })).toBe('alice')
    expect(await bearer({ scope: 'users:read', exp: nowS() - 60 })).toBe(
      `${Code.UNAUTHENTICATED} the access token has expired`,
    )
    expect(await bearer({ scope: 'local', roles: ['local'] })).toMatch(`${Code.PERMISSION_DENIED} `)
    expect(await call({ 'x-api-key': secret })).toBe('batch')
    expect(await call({ 'x-api-key': `${secret}x` })).toMatch(`${Code.UNAUTHENTICATED} the key in the header`)
    expect(await call({})).toMatch(`${Code.UNAUTHENTICATED} `)
  })
})

describe('a token of clientCredentials', () => {
  it('is accepted by jwtAuth', async () => {
    const key = await issuerKey()
    const token = await key.sign({ sub: 'reports', scope: 'users:read' })
    const server = await AuthServer.start((response) =>
      sendJson(response, { access_token: token, token_type: 'Bearer', expires_in: 600 }),
    )
    const source = clientCredentials({ tokenUrl: server.url, clientId: 'reports', clientSecret: 's' })
    expect(await identityFor(authFor([key]), await source())).toMatchObject({ subject: 'reports' })
  })
})
