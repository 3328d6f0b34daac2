import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { jwtAuth } from '../../../../src/gateway/auth/index.js'
import type { JwtAuthOptions } from '../../../../src/gateway/auth/jwt-options.js'
import type { Authenticator } from '../../../../src/gateway/authenticator.js'
import { sleep } from '../../../../src/host.js'
import { textLogger } from '../../../support/line-logger.js'
import { failure } from '../../../support/services.js'
import {
  AUDIENCE,
  AuthServer,
  endAuthServers,
  ISSUER,
  type IssuerKey,
  identityFor,
  issuerKey,
  type Jwk,
  sendJson,
} from '../../../support/tokens.js'

/** How far the clock of the source is ahead. */
const clock = vi.hoisted(() => ({ aheadMs: 0 }))
vi.mock('../../../../src/host.js', async (original) => {
  const host = await original<typeof import('../../../../src/host.js')>()
  return { ...host, nowMs: () => host.nowMs() + clock.aheadMs }
})

let key: IssuerKey
let next: IssuerKey

beforeAll(async () => {
  key = await issuerKey('k1')
  next = await issuerKey('k2')
})
afterEach(endAuthServers)

const UNAVAILABLE = { status: 'UNAVAILABLE', reason: 'KEYS_UNAVAILABLE' }
const INVALID = { status: 'UNAUTHENTICATED', reason: 'INVALID_TOKEN' }
const SECOND_MS = 1_000

function remoteAuth(jwksUri: string, options: Partial<JwtAuthOptions> = {}): Authenticator {
  return jwtAuth({ issuer: ISSUER, audience: AUDIENCE, jwksUri, ...options })
}

/** An issuer with these keys, until they change. */
async function issuer(
  ...keys: readonly Jwk[]
): Promise<{ server: AuthServer; set: { keys: readonly unknown[] } }> {
  const set: { keys: readonly unknown[] } = { keys }
  return { set, server: await AuthServer.start((response) => sendJson(response, set)) }
}

describe('the keys of an issuer', () => {
  it('are fetched once for all calls', async () => {
    const { server } = await issuer(key.jwk)
    const auth = remoteAuth(server.url)
    const tokens = await Promise.all(
      Array.from({ length: 20 }, (_, index) => key.sign({ sub: `user${index}` })),
    )
    const found = await Promise.all(tokens.map((token) => identityFor(auth, token)))
    expect(found.map((identity) => identity?.subject)).toEqual(tokens.map((_, index) => `user${index}`))
    expect(server.requests).toHaveLength(1)
  })

  it('are fetched once in a cooldown for any number of unknown keys', async () => {
    const { server } = await issuer(key.jwk)
    const auth = remoteAuth(server.url)
    await identityFor(auth, await key.sign())
    const flood = await Promise.all(
      Array.from({ length: 100 }, (_, index) => next.sign({}, { kid: `x${index}` })),
    )
    const errors = await Promise.all(flood.map((token) => failure(identityFor(auth, token))))
    expect(errors.every(({ reason }) => reason === 'INVALID_TOKEN')).toBe(true)
    expect(server.requests).toHaveLength(1)
    // Known keys are not affected.
    expect(await identityFor(auth, await key.sign({ sub: 'bob' }))).toMatchObject({ subject: 'bob' })
  })

  it('can change: a token with a new key is accepted after the cooldown', async () => {
    const { server, set } = await issuer(key.jwk)
    const auth = remoteAuth(server.url)
    await identityFor(auth, await key.sign())
    set.keys = [next.jwk]
    const token = await next.sign({ sub: 'bob' })
    expect(await failure(identityFor(auth, token))).toMatchObject(INVALID)
    clock.aheadMs += 31 * SECOND_MS
    const found = await Promise.all([1, 2, 3].map(() => identityFor(auth, token)))
    expect(found.map((identity) => identity?.subject)).toEqual(['bob', 'bob', 'bob'])
    expect(server.requests).toHaveLength(2)
    // The first key is gone, and its verified tokens with it.
    expect(await failure(identityFor(auth, await key.sign()))).toMatchObject(INVALID)
  })

  it('are fetched again in the background when they are old, and end verified tokens', async () => {
    const { server, set } = await issuer(key.jwk)
    const auth = remoteAuth(server.url)
    const token = await key.sign()
    await identityFor(auth, token)
    await identityFor(auth, token)
    set.keys = [next.jwk]
    clock.aheadMs += 601 * SECOND_MS
    // This call starts the request, and does not wait for it.
    expect(await identityFor(auth, token)).toMatchObject({ subject: 'alice' })
    await until(async () => (await identityFor(auth, await next.sign()).catch(() => undefined)) !== undefined)
    expect(await failure(identityFor(auth, token))).toMatchObject(INVALID)
  })

  it('remain in use for a bounded time while the issuer fails', async () => {
    const lines: string[] = []
    const logger = textLogger(lines)
    const server = await AuthServer.start((response, count) =>
      count === 1 ? sendJson(response, { keys: [key.jwk] }) : sendJson(response, {}, 500),
    )
    const auth = remoteAuth(server.url, { logger })
    await identityFor(auth, await key.sign())
    clock.aheadMs += 601 * SECOND_MS
    expect(await identityFor(auth, await key.sign())).toMatchObject({ subject: 'alice' })
    await until(() => lines.length > 0)
    expect(await identityFor(auth, await key.sign())).toMatchObject({ subject: 'alice' })
    expect(lines[0]).toContain('auth.keysNotFetched')
    // A new key cannot be known now.
    expect(await failure(identityFor(auth, await next.sign()))).toMatchObject(UNAVAILABLE)
    clock.aheadMs += 3_000 * SECOND_MS
    expect(await failure(identityFor(auth, await key.sign()))).toMatchObject(UNAVAILABLE)
  })

  it.each<[string, (response: Parameters<typeof sendJson>[0]) => void]>([
    ['the status 500', (response) => sendJson(response, { keys: [] }, 500)],
    ['a redirection', (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
    ['something else than JSON', (response) => response.end('<html>')],
    ['another object', (response) => sendJson(response, { keys: 'x' })],
    ['too many keys', (response) => sendJson(response, { keys: Array.from({ length: 129 }, () => ({})) })],
    ['too many bytes', (response) => sendJson(response, { keys: [], more: 'x'.repeat(300_000) })],
    ['half an answer', (response) => response.writeHead(200, { 'content-length': 100 }).end('{').destroy()],
    ['no answer', () => {}],
  ])('are unavailable after %s, and requests are bounded', async (_name, answer) => {
    const server = await AuthServer.start(answer)
    const auth = remoteAuth(server.url, { jwksTimeoutMs: 200 })
    const token = await key.sign()
    const errors = [await failure(identityFor(auth, token))]
    for (let call = 0; call < 50; call += 1) errors.push(await failure(identityFor(auth, token)))
    for (const error of errors) {
      expect(error).toMatchObject(UNAVAILABLE)
      expect(error['message']).toBe('the keys of the issuer cannot be fetched')
    }
    // The first wait is one second, and 51 calls can take longer on a busy machine.
    expect(server.requests.length).toBeLessThan(5)
  })

  it('are unavailable without a server', async () => {
    const auth = remoteAuth('http://127.0.0.1:1/')
    expect(await failure(identityFor(auth, await key.sign()))).toMatchObject(UNAVAILABLE)
  })

  it('are fetched again after a failure', async () => {
    const server = await AuthServer.start((response, count) =>
      sendJson(response, { keys: [key.jwk] }, count === 1 ? 503 : 200),
    )
    const auth = remoteAuth(server.url)
    const token = await key.sign()
    expect(await failure(identityFor(auth, token))).toMatchObject(UNAVAILABLE)
    clock.aheadMs += 2 * SECOND_MS
    expect(await identityFor(auth, token)).toMatchObject({ subject: 'alice' })
    expect(server.requests).toHaveLength(2)
  })

  it('serve without those that are for something else, weak or private', async () => {
    const weak = { kty: 'RSA', kid: 'weak', n: Buffer.alloc(128, 0xa5).toString('base64url'), e: 'AQAB' }
    const odd = [
      { kty: 'oct', kid: 'o', k: 'AAAA' },
      { kty: 'EC' },
      {},
      weak,
      { ...key.jwk, kid: 'p', d: 'AAAA' },
    ]
    const { server } = await issuer(...odd, { ...key.jwk, kid: 'e', use: 'enc' }, key.jwk)
    const auth = remoteAuth(server.url)
    expect(await identityFor(auth, await key.sign())).toMatchObject({ subject: 'alice' })
    for (const kid of ['e', 'p', 'o', 'weak'])
      expect(await failure(identityFor(auth, await key.sign({}, { kid })))).toMatchObject(INVALID)
  })

  it('can come from another fetch', async () => {
    const urls: string[] = []
    const fetch = async (url: string): Promise<Response> => {
      urls.push(url)
      return Response.json({ keys: [key.jwk] })
    }
    const auth = remoteAuth('https://issuer.example/keys', { fetch })
    expect(await identityFor(auth, await key.sign())).toMatchObject({ subject: 'alice' })
    expect(urls).toEqual(['https://issuer.example/keys'])
  })
})

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await sleep(20)
}
