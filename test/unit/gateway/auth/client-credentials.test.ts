import { afterEach, describe, expect, it, vi } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import { clientCredentials } from '../../../../src/gateway/auth/index.js'
import { sleep } from '../../../../src/host.js'
import { textLogger } from '../../../support/line-logger.js'
import { failure } from '../../../support/services.js'
import { AuthServer, endAuthServers, sendJson } from '../../../support/tokens.js'

/** How far the clock of the source is ahead. */
const clock = vi.hoisted(() => ({ aheadMs: 0 }))
vi.mock('../../../../src/host.js', async (original) => {
  const host = await original<typeof import('../../../../src/host.js')>()
  return { ...host, nowMs: () => host.nowMs() + clock.aheadMs }
})

afterEach(endAuthServers)

const SECOND_MS = 1_000
const SECRET = 'very secret: 100%&='
const client = { clientId: 'my client', clientSecret: SECRET }

/** Answers with t1, t2 and so on. */
async function tokenServer(more: object = {}): Promise<AuthServer> {
  return AuthServer.start((response, count) =>
    sendJson(response, { access_token: `t${count}`, token_type: 'Bearer', expires_in: 3600, ...more }),
  )
}

describe('clientCredentials', () => {
  it('requests a token for the client, once for all calls', async () => {
    const server = await tokenServer()
    const token = clientCredentials({
      tokenUrl: server.url,
      ...client,
      scope: 'a b',
      audience: 'x',
    })
    expect(await Promise.all([token(), token(), token()])).toEqual(['t1', 't1', 't1'])
    expect(server.requests).toHaveLength(1)
    const [request] = server.requests
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual({
      grant_type: 'client_credentials',
      scope: 'a b',
      audience: 'x',
    })
    expect(request?.headers['content-type']).toBe('application/x-www-form-urlencoded')
    const basic = Buffer.from(
      request?.headers.authorization?.slice('Basic '.length) ?? '',
      'base64',
    ).toString()
    expect(basic).toBe('my+client:very+secret%3A+100%25%26%3D')
  })

  it('can send the secret in the body', async () => {
    const server = await tokenServer()
    await clientCredentials({ tokenUrl: new URL(server.url), ...client, authentication: 'post' })()
    const [request] = server.requests
    expect(request?.headers.authorization).toBeUndefined()
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'my client',
      client_secret: SECRET,
    })
  })

  it('renews a token before it expires, and meanwhile passes the old one', async () => {
    const server = await tokenServer()
    const token = clientCredentials({ tokenUrl: server.url, ...client })
    expect(await token()).toBe('t1')
    clock.aheadMs += 3530 * SECOND_MS
    expect(await token()).toBe('t1')
    expect(server.requests).toHaveLength(1)
    clock.aheadMs += 20 * SECOND_MS
    expect(await token()).toBe('t1')
    await until(async () => (await token()) === 't2')
    expect(server.requests).toHaveLength(2)
  })

  it('waits for a new token when the old one has expired', async () => {
    const server = await tokenServer({ expires_in: '600', token_type: 'bearer' })
    const token = clientCredentials({ tokenUrl: server.url, ...client })
    expect(await token()).toBe('t1')
    clock.aheadMs += 601 * SECOND_MS
    expect(await Promise.all([token(), token()])).toEqual(['t2', 't2'])
    expect(server.requests).toHaveLength(2)
  })

  it('renews a token of unknown lifetime within five minutes', async () => {
    const server = await tokenServer({ expires_in: undefined })
    const token = clientCredentials({ tokenUrl: server.url, ...client })
    await token()
    clock.aheadMs += 301 * SECOND_MS
    expect(await token()).toBe('t2')
  })

  it('keeps a valid token if the renewal fails, and asks rarely', async () => {
    const lines: string[] = []
    const logger = textLogger(lines)
    const server = await AuthServer.start((response, count) =>
      sendJson(
        response,
        { access_token: 't1', token_type: 'Bearer', expires_in: 3600 },
        count === 1 ? 200 : 500,
      ),
    )
    const token = clientCredentials({ tokenUrl: server.url, ...client, logger })
    await token()
    clock.aheadMs += 3550 * SECOND_MS
    await until(async () => {
      expect(await token()).toBe('t1')
      return lines.length > 0
    })
    expect(lines[0]).toContain('auth.tokenNotRenewed')
    for (let call = 0; call < 20; call += 1) expect(await token()).toBe('t1')
    expect(server.requests.length).toBeLessThan(5)
    clock.aheadMs += 51 * SECOND_MS
    expect(await failure(token())).toMatchObject({ code: ErrorCode.UNAVAILABLE })
  })

  it('waits longer after each failure, up to 30 seconds', async () => {
    const server = await AuthServer.start((response) => sendJson(response, {}, 500))
    const token = clientCredentials({ tokenUrl: server.url, ...client })
    await failure(token())
    for (const [index, seconds] of [1, 2, 4, 8, 16, 30, 30, 30].entries()) {
      clock.aheadMs += (seconds + 1) * SECOND_MS
      await failure(token())
      expect(server.requests).toHaveLength(index + 2)
    }
    clock.aheadMs += 20 * SECOND_MS
    await failure(token())
    expect(server.requests).toHaveLength(9)
  })

  it.each<[string, (response: Parameters<typeof sendJson>[0]) => void, object]>([
    [
      'a wrong secret',
      (response) => sendJson(response, { error: 'invalid_client', error_description: SECRET }, 401),
      {
        code: ErrorCode.DENIED,
        status: 'UNAUTHENTICATED',
        message: 'the token server refused the client: invalid_client',
      },
    ],
    [
      'an error without a code',
      (response) => sendJson(response, { error: `x ${SECRET}` }, 400),
      { code: ErrorCode.DENIED, message: 'the token server refused the client: status 400' },
    ],
    ['a server error', (response) => sendJson(response, {}, 503), { code: ErrorCode.UNAVAILABLE }],
    ['no JSON', (response) => response.end(SECRET), { code: ErrorCode.UNAVAILABLE }],
    ['no token', (response) => sendJson(response, { token_type: 'Bearer' }), { code: ErrorCode.UNAVAILABLE }],
    [
      'a token with a line break',
      (response) => sendJson(response, { token_type: 'Bearer', access_token: 'a\nb' }),
      { code: ErrorCode.UNAVAILABLE },
    ],
    [
      'another type of token',
      (response) => sendJson(response, { token_type: 'mac', access_token: 'a' }),
      { code: ErrorCode.UNAVAILABLE },
    ],
    [
      'a lifetime of another type',
      (response) => sendJson(response, { token_type: 'Bearer', access_token: 'a', expires_in: {} }),
      { code: ErrorCode.UNAVAILABLE },
    ],
    [
      'a redirection',
      (response) => response.writeHead(307, { location: '/' }).end(),
      { code: ErrorCode.UNAVAILABLE },
    ],
    [
      'a long answer',
      (response) => sendJson(response, { access_token: 'x'.repeat(300_000) }),
      { code: ErrorCode.UNAVAILABLE },
    ],
    ['no answer', () => {}, { code: ErrorCode.UNAVAILABLE }],
  ])('fails after %s, without secrets, and bounds the requests', async (name, answer, expected) => {
    const server = await AuthServer.start(answer)
    const timeoutMs = name === 'no answer' ? 200 : 20_000
    const token = clientCredentials({ tokenUrl: server.url, ...client, timeoutMs })
    for (let call = 0; call < 30; call += 1) {
      const error = await failure(token())
      expect(error).toMatchObject(expected)
      expect(error['message']).not.toContain('secret')
    }
    expect(server.requests.length).toBeLessThan(5)
  })

  it('works again after a failure', async () => {
    const server = await AuthServer.start((response, count) =>
      sendJson(response, { access_token: 't', token_type: 'Bearer' }, count === 1 ? 500 : 200),
    )
    const token = clientCredentials({ tokenUrl: server.url, ...client })
    await failure(token())
    clock.aheadMs += 2 * SECOND_MS
    expect(await Promise.all([token(), token()])).toEqual(['t', 't'])
    expect(server.requests).toHaveLength(2)
  })

  it.each<[string, object, RegExp]>([
    ['plain text', { tokenUrl: 'http://issuer.example/token' }, /not encrypted/],
    ['no address', { tokenUrl: undefined }, /tokenUrl must be a URL/],
    [
      'a part of an address',
      { tokenUrl: 'issuer.example' },
      /^tokenUrl must be a URL that begins with 'https:\/\/'$/,
    ],
    ['no id', { clientId: '' }, /clientId/],
    ['no secret', { clientSecret: undefined }, /clientSecret/],
    ['an empty scope', { scope: '' }, /scope/],
    ['another authentication', { authentication: 'jwt' }, /authentication/],
    ['an endless timeout', { timeoutMs: Number.POSITIVE_INFINITY }, /timeoutMs/],
    ['an unknown option', { scopes: [] }, /did you mean "scope"/],
  ])('refuses %s', (_name, options, message) => {
    const all = { tokenUrl: 'https://issuer.example/token', ...client, ...options }
    const attempt = (): unknown => clientCredentials(all)
    expect(attempt).toThrow(expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }) as Error)
    expect(attempt).toThrow(message)
    expect(attempt).not.toThrow('very secret')
  })

  it('accepts plain text where the program says so', () => {
    const tokenUrl = 'http://issuer.example/token'
    expect(clientCredentials({ tokenUrl, ...client, insecure: true })).toBeTypeOf('function')
  })
})

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await sleep(20)
}
