import { createHmac } from 'node:crypto'
import { CompactEncrypt, exportSPKI, importJWK } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { failure } from '../../../support/services.js'
import {
  AUDIENCE,
  authFor,
  base64url,
  clientWith,
  ISSUER,
  type IssuerKey,
  identityFor,
  issuerKey,
  nowS,
} from '../../../support/tokens.js'

let key: IssuerKey
let other: IssuerKey
let claims: object

beforeAll(async () => {
  key = await issuerKey('k1', 'RS256')
  other = await issuerKey('k2', 'RS256')
  claims = { iss: ISSUER, aud: AUDIENCE, sub: 'alice', exp: nowS() + 600 }
})

const INVALID = { status: 'UNAUTHENTICATED', reason: 'INVALID_TOKEN' }

/** Expects a refusal that says nothing about the token and its cause. */
async function expectRefused(token: string, keys: readonly IssuerKey[] = [key]): Promise<void> {
  const error = await failure(identityFor(authFor(keys), token))
  expect(error).toMatchObject(INVALID)
  expect(error['cause']).toBeUndefined()
  if (token.length > 30) expect(error['message']).not.toContain(token.slice(0, 30))
}

describe('a hostile token is refused', () => {
  it.each([
    'none',
    'None',
    'NONE',
    'nOnE',
    'none ',
    ' none',
    '',
    'HS256',
    'rs256',
    'RS256 ',
    'RSA',
    '__proto__',
    'toString',
  ])('with the algorithm %j', async (alg) => {
    const token = key.signAny({ alg, kid: 'k1' }, claims)
    await expectRefused(token)
    await expectRefused(token.slice(0, token.lastIndexOf('.') + 1))
  })

  it.each([[undefined], [null], [5], [['RS256']], [{ toString: 'RS256' }]])(
    'with the algorithm %j',
    async (alg) => {
      await expectRefused(key.signAny({ alg, kid: 'k1' }, claims))
    },
  )

  it('if HMAC is computed with the public key as secret', async () => {
    const pem = await exportSPKI(
      (await importJWK(key.jwk as object, 'RS256')) as Parameters<typeof exportSPKI>[0],
    )
    for (const secret of [pem, pem.trim(), JSON.stringify(key.jwk), key.jwk['n'] as string]) {
      const input = `${base64url({ alg: 'HS256', kid: 'k1' })}.${base64url(claims)}`
      const mac = createHmac('sha256', secret).update(input).digest('base64url')
      await expectRefused(`${input}.${mac}`)
    }
  })

  it.each(['jwk', 'jku', 'x5u', 'x5c', 'x5t'])('if its own header brings the key as %s', async (member) => {
    const values: Readonly<Record<string, unknown>> = {
      jwk: other.jwk,
      jku: 'http://127.0.0.1:1/keys',
      x5u: 'http://127.0.0.1:1/cert',
      x5c: ['AAAA'],
      x5t: 'AAAA',
    }
    await expectRefused(await other.sign({}, { [member]: values[member], kid: 'k1' }))
    await expectRefused(await other.sign({}, { [member]: values[member], kid: undefined }))
    // The member itself does no harm.
    const token = await key.sign({}, { [member]: values[member] })
    expect(await identityFor(authFor([key]), token)).toMatchObject({ subject: 'alice' })
  })

  it.each([
    ['an unknown extension', { crit: ['x'], x: 1 }],
    ['b64', { crit: ['b64'], b64: false }],
    ['an empty list', { crit: [] }],
    ['a text', { crit: 'exp' }],
    ['null', { crit: null }],
  ])('with %s in crit', async (_name, header) => {
    await expectRefused(key.signAny({ alg: 'RS256', kid: 'k1', ...header }, claims))
  })

  it.each([
    '../../../../dev/null',
    "x' UNION SELECT 'secret' --",
    '__proto__',
    'constructor',
    '',
    'k1\0',
    'x'.repeat(1025),
  ])('with the key id %j', async (kid) => {
    await expectRefused(await key.sign({}, { kid }))
  })

  it.each([[5], [null], [['k1']], [{}]])('with the key id %j', async (kid) => {
    await expectRefused(key.signAny({ alg: 'RS256', kid }, claims))
  })

  it('if several keys could have signed it', async () => {
    const token = await key.sign({}, { kid: undefined })
    await expectRefused(token, [key, other])
    expect(await identityFor(authFor([key]), token)).toMatchObject({ subject: 'alice' })
  })

  it('with the signature of another token', async () => {
    const [header, , signature] = (await key.sign()).split('.')
    await expectRefused(`${header}.${base64url({ ...claims, sub: 'root' })}.${signature}`)
  })

  it('with another algorithm of the same key', async () => {
    const [, payload, signature] = (await key.sign()).split('.')
    await expectRefused(`${base64url({ alg: 'PS256', kid: 'k1' })}.${payload}.${signature}`)
  })

  it('if it is longer than 8 KiB', async () => {
    await expectRefused(await key.sign({ more: 'x'.repeat(8 * 1024) }))
    await expectRefused(`${'a'.repeat(1_000_000)}.${'b'.repeat(1_000_000)}.c`)
    await expectRefused('.'.repeat(8 * 1024))
  })

  it('if it is encrypted, nested, or has no payload object', async () => {
    const encrypted = await new CompactEncrypt(Buffer.from(JSON.stringify(claims)))
      .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM' })
      .encrypt(await importJWK({ ...key.jwk, alg: 'RSA-OAEP-256', use: 'enc' }, 'RSA-OAEP-256'))
    await expectRefused(encrypted)
    const signed = (payload: string): string => key.signAny({ alg: 'RS256', kid: 'k1', cty: 'JWT' }, payload)
    for (const payload of [await key.sign(), '[]', 'null', '"x"', '5', '{', '', '\ufeff{}'])
      await expectRefused(signed(payload))
    // JSON has no other number beyond all numbers.
    await expectRefused(signed(JSON.stringify({ ...claims, exp: 0 }).replace('"exp":0', '"exp":1e999')))
    expect(await identityFor(authFor([key]), signed(JSON.stringify(claims)))).toMatchObject({
      subject: 'alice',
    })
  })

  it('in the JSON serialization', async () => {
    const [header, payload, signature] = (await key.sign()).split('.')
    const general = { payload, signatures: [{ protected: header, signature }] }
    for (const text of [
      JSON.stringify(general),
      base64url(general),
      `${header}.${payload}.${signature}.${signature}`,
    ])
      await expectRefused(text)
  })

  it('if its base64url is not exact', async () => {
    const token = await key.sign()
    const [header = '', payload = '', signature = ''] = token.split('.')
    const spelt = [
      `${header}=.${payload}.${signature}`,
      `${header}.${payload}=.${signature}`,
      `${header}.${payload}.${signature}=`,
      `${header}.${payload}.${signature}==`,
      `${header}. ${payload}.${signature}`,
      `${header}.${payload}\n.${signature}`,
      `${header}.${payload}.${signature}\n`,
      `${header}.${payload}.${signature.replaceAll('-', '+').replaceAll('_', '/')}+`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `.${payload}.${signature}`,
      `${header}.${payload}.${signature}A`,
      // 256 bytes have 4 unused bits at the end.
      `${header}.${payload}.${signature.slice(0, -1)}${String.fromCharCode(signature.charCodeAt(signature.length - 1) + 1)}`,
      `${header}.${payload}.\u00e9${signature}`,
    ]
    for (const text of spelt) await expectRefused(text)
  })

  it('with a header that is not a JSON object', async () => {
    for (const header of ['', '[]', 'null', '"RS256"', '{"alg":"RS256"', '\ufeff{"alg":"RS256","kid":"k1"}'])
      await expectRefused(key.signAny(header, claims))
    // The same signature is accepted with a header that is one.
    const token = key.signAny('{ "alg" : "RS256", "kid": "k1" }', claims)
    expect(await identityFor(authFor([key]), token)).toMatchObject({ subject: 'alice' })
  })
})

describe('the header authorization', () => {
  it('must have exactly one token', async () => {
    const token = await key.sign()
    const wrong = [
      'Bearer',
      'Bearer ',
      `Bearer ${token}, Bearer ${token}`,
      `Bearer ${token},${token}`,
      `Bearer ${token} ${token}`,
      `Bearer "${token}"`,
      [`Bearer ${token}`, `Bearer ${token}`],
    ]
    for (const authorization of wrong)
      expect(await failure(authenticated(authorization))).toMatchObject(INVALID)
  })
})

/** A server can pass several headers as an array. */
async function authenticated(authorization: string | readonly string[]): Promise<unknown> {
  return authFor([key]).authenticate(clientWith({ authorization: authorization as string }))
}
