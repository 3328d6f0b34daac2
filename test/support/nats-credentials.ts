import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nkeys } from '@nats-io/transport-node'
import { temporaryDirectory } from './temporary-directory.js'

type Pair = ReturnType<typeof nkeys.createUser>

/** A server that knows accounts by their tokens, and the credentials file of a user. */
export interface OperatorFiles {
  /** For the configuration of the server. */
  readonly config: string
  readonly credentialsFile: string
  /** The user belongs to an account that the server does not know. */
  readonly foreignFile: string
}

const UNLIMITED = {
  subs: -1,
  conn: -1,
  leaf: -1,
  imports: -1,
  exports: -1,
  data: -1,
  payload: -1,
  wildcards: true,
  mem_storage: -1,
  disk_storage: -1,
  streams: -1,
  consumer: -1,
}
const SYSTEM = { ...UNLIMITED, mem_storage: 0, disk_storage: 0, streams: 0, consumer: 0 }

/** Tokens as `nsc` creates them: https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/jwt. */
export function operatorFiles(): OperatorFiles {
  const operator = nkeys.createOperator()
  const [account, system, foreign] = [nkeys.createAccount(), nkeys.createAccount(), nkeys.createAccount()]
  const accountToken = (pair: Pair, limits: object): string =>
    token(operator, pair.getPublicKey(), { type: 'account', version: 2, limits, default_permissions: {} })
  const preload = [
    `${account.getPublicKey()}: "${accountToken(account, UNLIMITED)}"`,
    `${system.getPublicKey()}: "${accountToken(system, SYSTEM)}"`,
  ]
  const config = [
    `operator: "${token(operator, operator.getPublicKey(), { type: 'operator', version: 2 })}"`,
    `system_account: ${system.getPublicKey()}`,
    'resolver: MEMORY',
    `resolver_preload: { ${preload.join('\n')} }`,
  ].join('\n')
  return { config, credentialsFile: credentialsOf(account), foreignFile: credentialsOf(foreign) }
}

function credentialsOf(account: Pair): string {
  const user = nkeys.createUser()
  const jwt = token(account, user.getPublicKey(), {
    type: 'user',
    version: 2,
    subs: -1,
    data: -1,
    payload: -1,
    pub: {},
    sub: {},
  })
  const seed = Buffer.from(user.getSeed()).toString()
  const file = join(temporaryDirectory(), 'user.creds')
  writeFileSync(file, `${block('NATS USER JWT', jwt)}\n${block('USER NKEY SEED', seed)}`)
  return file
}

function block(name: string, text: string): string {
  return `-----BEGIN ${name}-----\n${text}\n------END ${name}------\n`
}

function token(issuer: Pair, subject: string, nats: object): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = {
    jti: subject,
    iat: 1_700_000_000,
    iss: issuer.getPublicKey(),
    sub: subject,
    name: subject,
    nats,
  }
  const signed = `${encode({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encode(claims)}`
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString('base64url')}`
}
