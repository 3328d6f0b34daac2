import { generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { longDirectory } from './temporary-directory.js'

/** In place of Google's cloud: an account, and a server that issues its tokens to every client. */
export interface TokenServer {
  readonly url: string
  readonly email: string
  readonly scope: string
  /** The file of the account, as Google's console creates it. */
  readonly accountFile: string
  /** The file of the key that verifies tokens. */
  readonly publicKeyFile: string
  readonly close: () => void
}

const EMAIL = 'tester@interop.example'
const SCOPE = 'https://interop.example/auth/testing'
const EXPIRES_S = 3600

export async function startTokenServer(): Promise<TokenServer> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const folder = longDirectory()
  const [accountFile, publicKeyFile] = [join(folder, 'account.json'), join(folder, 'public.pem')]
  const account = { type: 'service_account', client_email: EMAIL, private_key: privateKey }
  writeFileSync(accountFile, JSON.stringify(account))
  writeFileSync(publicKeyFile, publicKey)

  const token = tokenOf({ iss: EMAIL, scope: SCOPE }, privateKey)
  const server = createServer((_request, response) => {
    // The second header is that of the server of a machine in Google's cloud.
    response.writeHead(200, { 'content-type': 'application/json', 'metadata-flavor': 'Google' })
    response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: EXPIRES_S }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/`
  const close = (): void => void server.close()
  return { url, email: EMAIL, scope: SCOPE, accountFile, publicKeyFile, close }
}

/** A JSON Web Token. */
function tokenOf(claims: object, privateKey: string): string {
  const parts = [{ alg: 'RS256', typ: 'JWT' }, claims]
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`
}
