import { KeyObject, sign as signBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { jwtAuth } from '../../src/gateway/auth/index.js'
import type { JwtAuthOptions } from '../../src/gateway/auth/jwt-options.js'
import type { Authenticator, GatewayClient } from '../../src/gateway/authenticator.js'
import type { Identity } from '../../src/peer.js'

export const ISSUER = 'https://issuer.example'
export const AUDIENCE = 'https://api.example'

export type Jwk = Readonly<Record<string, unknown>>

/** A key pair of an issuer. */
export interface IssuerKey {
  readonly id: string
  readonly algorithm: string
  readonly jwk: Jwk
  sign(claims?: object, header?: object): Promise<string>
  /** A token with exactly this header and payload, each a text or an object, signed with ES256 or RS256. */
  signAny(header: object | string, payload: object | string): string
}

/** Claims with an undefined value are left out. */
export async function issuerKey(id = 'k1', algorithm = 'ES256'): Promise<IssuerKey> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: id, alg: algorithm, use: 'sig' }
  const sign = (claims: object = {}, header: object = {}): Promise<string> =>
    new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: 'alice', exp: nowS() + 600, ...claims })
      .setProtectedHeader({ alg: algorithm, kid: id, ...header })
      .sign(privateKey)
  const signingKey = { key: KeyObject.from(privateKey), dsaEncoding: 'ieee-p1363' } as const
  const signAny = (header: object | string, payload: object | string): string => {
    const input = `${base64url(header)}.${base64url(payload)}`
    return `${input}.${signBytes('sha256', Buffer.from(input), signingKey).toString('base64url')}`
  }
  return { id, algorithm, jwk, sign, signAny }
}

/** In seconds since 1970. */
export function nowS(): number {
  return Math.floor(Date.now() / 1000)
}

export function base64url(part: object | string): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')
}

export function authFor(keys: readonly IssuerKey[], options: Partial<JwtAuthOptions> = {}): Authenticator {
  return jwtAuth({
    issuer: ISSUER,
    audience: AUDIENCE,
    keys: { keys: keys.map(({ jwk }) => jwk) },
    ...options,
  })
}

export function clientWith(headers: GatewayClient['headers']): GatewayClient {
  return { address: '127.0.0.1', certificate: undefined, headers }
}

/** The identity for a token in the header `authorization`. */
export async function identityFor(auth: Authenticator, token: string): Promise<Identity | undefined> {
  return auth.authenticate(clientWith({ authorization: `Bearer ${token}` }))
}

const servers = new Set<Server>()

/** A server of keys or tokens on this machine. */
export class AuthServer {
  readonly url: string
  /** Of all requests. */
  readonly requests: { readonly headers: IncomingMessage['headers']; readonly body: string }[] = []

  private constructor(url: string) {
    this.url = url
  }

  /** `answer` ends each response, or leaves it open. */
  static async start(answer: (response: ServerResponse, count: number) => void): Promise<AuthServer> {
    const server = createServer((request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      request.on('end', () => {
        started.requests.push({ headers: request.headers, body })
        answer(response, started.requests.length)
      })
    })
    servers.add(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const started = new AuthServer(`http://127.0.0.1:${(server.address() as AddressInfo).port}/path`)
    return started
  }
}

export async function endAuthServers(): Promise<void> {
  const open = [...servers]
  servers.clear()
  await Promise.all(
    open.map(
      (server) =>
        new Promise((resolve) => {
          server.close(resolve)
          server.closeAllConnections()
        }),
    ),
  )
}

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
