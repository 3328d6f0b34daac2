import { beforeAll, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import { jwtAuth } from '../../../../src/gateway/auth/index.js'
import type { JwtAuthOptions } from '../../../../src/gateway/auth/jwt-options.js'
import { policy } from '../../../../src/service/auth/policy.js'
import { failure } from '../../../support/services.js'
import {
  AUDIENCE,
  authFor,
  clientWith,
  ISSUER,
  type IssuerKey,
  identityFor,
  issuerKey,
  nowS,
} from '../../../support/tokens.js'

let key: IssuerKey

beforeAll(async () => {
  key = await issuerKey()
})

const INVALID = { code: ErrorCode.SERVICE, status: 'UNAUTHENTICATED', reason: 'INVALID_TOKEN' }

/** The error for a token with these claims. */
async function refusal(claims: object, options: Partial<JwtAuthOptions> = {}): Promise<unknown> {
  return failure(identityFor(authFor([key], options), await key.sign(claims)))
}

describe('jwtAuth', () => {
  it('finds the subject, the scopes and the roles of a token', async () => {
    const token = await key.sign({ scope: 'users:read  users:write', roles: ['admin', 'local'] })
    expect(await identityFor(authFor([key]), token)).toEqual({
      subject: 'alice',
      scopes: ['users:read', 'users:write'],
      roles: ['admin'],
    })
  })

  it.each([
    ['scp as an array', { scp: ['a', 'b'] }, {}, ['a', 'b'], []],
    ['scp as a text', { scp: 'a b' }, {}, ['a', 'b'], []],
    ['scope before scp', { scope: 'a', scp: ['b'] }, {}, ['a'], []],
    ['no scope', { scope: '' }, {}, [], []],
    ['one role', { roles: 'admin' }, {}, [], ['admin']],
    ['roles of another claim', { 'https://x/roles': ['a'] }, { roles: 'https://x/roles' }, [], ['a']],
    ['nested roles', { realm_access: { roles: ['a'] } }, { roles: ['realm_access', 'roles'] }, [], ['a']],
    ['roles that are not there', { realm_access: 1 }, { roles: ['realm_access', 'roles'] }, [], []],
    ['roles of no prototype', {}, { roles: ['constructor', 'name'] }, [], []],
    ['the role local as a text', { roles: 'local' }, {}, [], []],
  ])('reads %s', async (_name, claims, options, scopes, roles) => {
    const identity = await identityFor(authFor([key], options), await key.sign(claims))
    expect(identity).toEqual({ subject: 'alice', scopes, roles })
  })

  it('makes no client local', async () => {
    const token = await key.sign({ scope: 'local', roles: ['local'] })
    const identity = await identityFor(authFor([key]), token)
    const rules = policy({ 's/m': ['local'] })
    expect(() => rules.check(identity, { service: 's', method: 'm' })).toThrow(
      expect.objectContaining({ status: 'PERMISSION_DENIED' }) as Error,
    )
  })

  it.each([
    ['no header', {}],
    ['another scheme', { authorization: 'Basic YTpi' }],
    ['a scheme that begins alike', { authorization: 'BearerX abc' }],
  ])('finds no credentials in a request with %s', (_name, headers) => {
    expect(authFor([key]).authenticate(clientWith(headers))).toBeUndefined()
  })

  it('accepts the scheme in any case', async () => {
    const authorization = `bEaReR  ${await key.sign()}`
    expect(await authFor([key]).authenticate(clientWith({ authorization }))).toMatchObject({
      subject: 'alice',
    })
  })

  it.each([
    ['another issuer', { iss: `${ISSUER}/` }],
    ['issuers in an array', { iss: [ISSUER] }],
    ['no issuer', { iss: undefined }],
    ['another audience', { aud: 'https://other.example' }],
    ['other audiences', { aud: ['a', `${AUDIENCE}/`] }],
    ['no audience', { aud: undefined }],
    ['an empty list of audiences', { aud: [] }],
    ['an audience that is not a text', { aud: [AUDIENCE, 5] }],
    ['an audience in an object', { aud: { 0: AUDIENCE } }],
    ['no subject', { sub: undefined }],
    ['an empty subject', { sub: '' }],
    ['a subject of another type', { sub: 5 }],
    ['a subject that is too long', { sub: 'x'.repeat(257) }],
    ['no expiry', { exp: undefined }],
    ['an expiry as a text', { exp: String(nowS() + 600) }],
    ['an expiry beyond all dates', { exp: 8.64e12 + 1 }],
    ['an expiry before 1970', { exp: -1 }],
    ['an expiry of null', { exp: null }],
    ['a start of another type', { nbf: 'now' }],
    ['a time of issue of another type', { iat: {} }],
    ['too many scopes', { scope: 'a '.repeat(257) }],
    ['a scope that is too long', { scp: ['x'.repeat(257)] }],
    ['scopes that are not texts', { scope: ['a'] }],
    ['scopes of mixed types', { scp: ['a', 1] }],
    ['an empty scope', { scp: [''] }],
    ['too many roles', { roles: Array.from({ length: 257 }, () => 'r') }],
    ['roles in an object', { roles: { admin: true } }],
  ])('refuses a token with %s', async (_name, claims) => {
    expect(await refusal(claims)).toMatchObject(INVALID)
  })

  it.each([
    ['one of several audiences of the token', { aud: ['a', AUDIENCE] }, {}],
    ['one of several audiences of the gateway', {}, { audience: ['a', AUDIENCE] }],
    ['the longest subject', { sub: 'x'.repeat(256) }, {}],
    ['an expiry within the skew', { exp: nowS() - 30 }, { clockSkewS: 120 }],
    ['an expiry in the far future', { exp: 8.64e12 }, {}],
    ['a fraction of a second', { exp: nowS() + 600.5 }, {}],
    ['a start within the skew', { nbf: nowS() + 60 }, { clockSkewS: 120 }],
    ['the type that is required', {}, { typ: 'application/AT+JWT' }],
  ])('accepts %s', async (_name, claims, options) => {
    const token = await key.sign(claims, { typ: 'at+jwt' })
    expect(await identityFor(authFor([key], options), token)).toBeDefined()
  })

  it.each([
    ['has expired', { exp: nowS() - 60 }, 'TOKEN_EXPIRED'],
    ['expired when the epoch began', { exp: 0 }, 'TOKEN_EXPIRED'],
    ['is not yet valid', { nbf: nowS() + 120 }, 'TOKEN_NOT_YET_VALID'],
  ])('refuses a token that %s, with a reason of its own', async (_name, claims, reason) => {
    expect(await refusal(claims)).toMatchObject({ ...INVALID, reason })
  })

  it.each([[undefined], ['JWT'], ['at+jwt2'], [5]])(
    'refuses the type %j if it requires another',
    async (typ) => {
      const token = await key.sign({}, { typ })
      expect(await failure(identityFor(authFor([key], { typ: 'at+jwt' }), token))).toMatchObject(INVALID)
    },
  )

  it.each(['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'PS256', 'RS256', 'RS512'])(
    'verifies %s by default',
    async (algorithm) => {
      const other = await issuerKey('k', algorithm)
      expect(await identityFor(authFor([other]), await other.sign())).toMatchObject({ subject: 'alice' })
      const wrong = await issuerKey('k', algorithm)
      expect(await failure(identityFor(authFor([other]), await wrong.sign()))).toMatchObject(INVALID)
    },
  )

  it('describes itself to clients and in OpenAPI', () => {
    const { challenge, securityScheme } = authFor([key], { realm: 'users' })
    expect(challenge).toBe('Bearer realm="users"')
    expect(securityScheme).toEqual({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
  })

  it('needs no verification for a token that it has verified', async () => {
    const auth = authFor([key])
    const token = await key.sign({ scope: 'a' })
    const client = clientWith({ authorization: `Bearer ${token}` })
    const first = await auth.authenticate(client)
    // Without a promise.
    expect(auth.authenticate(client)).toBe(first)
    expect(Object.isFrozen(first) && Object.isFrozen(first?.scopes) && Object.isFrozen(first?.roles)).toBe(
      true,
    )
  })

  it('keeps no tokens if the program says so', async () => {
    const auth = authFor([key], { cachedTokens: 0 })
    const client = clientWith({ authorization: `Bearer ${await key.sign()}` })
    await auth.authenticate(client)
    expect(auth.authenticate(client)).toBeInstanceOf(Promise)
  })
})

describe('the options of jwtAuth', () => {
  const base = { issuer: ISSUER, audience: AUDIENCE, jwksUri: 'https://issuer.example/jwks' }
  const secret = Buffer.alloc(32, 7).toString('base64url')

  it.each<[string, object, RegExp]>([
    ['no issuer', { ...base, issuer: undefined }, /issuer/],
    ['an empty issuer', { ...base, issuer: '' }, /issuer/],
    ['no audience', { ...base, audience: undefined }, /audience/],
    ['an empty list of audiences', { ...base, audience: [] }, /audience/],
    ['an unknown option', { ...base, audiences: 'x' }, /did you mean "audience"/],
    ['no keys', { ...base, jwksUri: undefined }, /jwksUri and keys/],
    ['keys twice', { ...base, keys: { keys: [] } }, /jwksUri and keys/],
    ['an empty set of keys', { ...base, jwksUri: undefined, keys: { keys: [] } }, /keys/],
    ['keys without a set', { ...base, jwksUri: undefined, keys: [{}] }, /keys/],
    ['plain text', { ...base, jwksUri: 'http://issuer.example/jwks' }, /https/],
    ['another protocol', { ...base, jwksUri: 'file:///etc/passwd' }, /https/],
    ['a password in the address', { ...base, jwksUri: 'https://a:b@issuer.example' }, /password/],
    ['the algorithm none', { ...base, algorithms: ['none'] }, /algorithms has "none"/],
    ['no algorithm', { ...base, algorithms: [] }, /algorithms/],
    ['mixed algorithms', { ...base, algorithms: ['ES256', 'HS256'] }, /symmetric and asymmetric/],
    ['published secrets', { ...base, algorithms: ['HS256'] }, /must not publish/],
    ['a skew that is too long', { ...base, clockSkewS: 301 }, /clockSkewS/],
    ['a realm with a quote', { ...base, realm: 'a"b' }, /realm/],
    ['an empty type', { ...base, typ: '' }, /typ/],
    ['an interval that is too short', { ...base, jwksCooldownMs: 999 }, /jwksCooldownMs/],
    ['an endless timeout', { ...base, jwksTimeoutMs: Number.POSITIVE_INFINITY }, /jwksTimeoutMs/],
    ['too many cached tokens', { ...base, cachedTokens: 100_001 }, /cachedTokens/],
    ['a fetch that is not a function', { ...base, fetch: 5 }, /fetch/],
  ])('refuse %s', (_name, options, message) => {
    expect(() => jwtAuth(options as JwtAuthOptions)).toThrow(
      expect.objectContaining({
        code: ErrorCode.INVALID_ARGUMENT,
        message: expect.stringMatching(message) as string,
      }) as Error,
    )
  })

  it.each<[string, object, RegExp]>([
    ['private', { kty: 'EC', crv: 'P-256', x: secret, y: secret, d: secret }, /private key/],
    ['not on its curve', { kty: 'EC', crv: 'P-256', x: secret, y: secret }, /not a valid public key/],
    ['a secret', { kty: 'oct', k: secret }, /suits none/],
    ['for encryption', { kty: 'EC', crv: 'P-256', x: secret, y: secret, use: 'enc' }, /use/],
    ['for signing only', { kty: 'EC', crv: 'P-256', x: secret, y: secret, key_ops: ['sign'] }, /key_ops/],
    ['of another curve', { kty: 'EC', crv: 'secp256k1', x: secret, y: secret }, /suits none/],
    ['named by a number', { kty: 'EC', kid: 5 }, /kid/],
  ])('refuse a key that is %s, without its value', (_name, jwk, message) => {
    const options: JwtAuthOptions = { ...base, jwksUri: undefined, keys: { keys: [{ ...jwk }] } }
    expect(() => jwtAuth(options)).toThrow(message)
    expect(() => jwtAuth(options)).not.toThrow(secret)
  })

  it.each([
    ['http://127.0.0.1/jwks', {}],
    ['http://[::1]:80/jwks', {}],
    ['http://localhost/jwks', {}],
    ['http://issuer.example/jwks', { insecure: true }],
    [new URL('https://issuer.example/jwks'), {}],
  ])('accept the address %s', (jwksUri, options) => {
    expect(jwtAuth({ ...base, jwksUri, ...options })).toMatchObject({ challenge: 'Bearer realm="shmwire"' })
  })

  it('accept secrets with symmetric algorithms', async () => {
    const { SignJWT } = await import('jose')
    const options: JwtAuthOptions = {
      issuer: ISSUER,
      audience: AUDIENCE,
      keys: { keys: [{ kty: 'oct', k: secret }] },
      algorithms: ['HS256'],
    }
    const token = await new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: 'bob', exp: nowS() + 60 })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(Buffer.from(secret, 'base64url'))
    expect(await identityFor(jwtAuth(options), token)).toMatchObject({ subject: 'bob' })
    expect(() => jwtAuth({ ...options, algorithms: ['HS512'] })).toThrow(/length of a secret/)
  })
})
