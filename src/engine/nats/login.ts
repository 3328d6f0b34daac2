import { readFileSync } from 'node:fs'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { invalid, misuse } from '../../options.js'
import type { NatsPackages } from './packages.js'

/** At most one of the four ways to log in: `user` with `password`, `token`, `nkeySeed`, `credentialsFile`. */
export interface NatsLoginOptions {
  user?: string | undefined
  /** A function returns the value for each attempt to connect. */
  password?: string | (() => string) | undefined
  token?: string | (() => string) | undefined
  /** The seed of an nkey, which begins with `SU`. */
  nkeySeed?: string | undefined
  /** The path of a file with a JWT and a seed, as `nsc` writes it. It is read for each attempt to connect. */
  credentialsFile?: string | undefined
}

type Authenticator = ReturnType<NatsPackages['transport']['tokenAuthenticator']>

/** Creates what the client of NATS asks for at each connection. Undefined: the servers do not ask who connects. */
export type NatsLogin = (transport: NatsPackages['transport']) => Authenticator | undefined

type Text = string | (() => string)

/** Throws `INVALID_ARGUMENT`. */
export function loginOption(options: NatsLoginOptions): NatsLogin {
  const { user, password, token, nkeySeed, credentialsFile } = options
  const ways = Object.entries({ user, token, nkeySeed, credentialsFile }).filter(
    ([, value]) => value !== undefined,
  )
  if (ways.length > 1)
    throw misuse(`${ways.map(([name]) => name).join(' and ')} exclude each other; pass one of them`)
  if ((user === undefined) !== (password === undefined))
    throw misuse('user and password belong together; pass both, or neither')
  if (user !== undefined) return passwordLogin(text('user', user), secret('password', password))
  if (token !== undefined) {
    const value = secret('token', token)
    return ({ tokenAuthenticator }) => tokenAuthenticator(value)
  }
  if (nkeySeed !== undefined) return seedLogin(text('nkeySeed', nkeySeed))
  if (credentialsFile !== undefined) return fileLogin(text('credentialsFile', credentialsFile))
  return () => undefined
}

function passwordLogin(user: string, password: Text): NatsLogin {
  return ({ usernamePasswordAuthenticator }) => usernamePasswordAuthenticator(user, password)
}

function seedLogin(seed: string): NatsLogin {
  return ({ nkeyAuthenticator, nkeys }) => {
    const bytes = Buffer.from(seed.trim())
    try {
      nkeys.fromSeed(bytes)
    } catch (cause) {
      throw new ShmwireError(
        ErrorCode.INVALID_ARGUMENT,
        'nkeySeed is not the seed of an nkey; it begins with SU, and `nk -gen user` prints one',
        { cause },
      )
    }
    return nkeyAuthenticator(bytes)
  }
}

function fileLogin(path: string): NatsLogin {
  return ({ credsAuthenticator }) => {
    const read = (): Buffer => readCredentials(path)
    read()
    return credsAuthenticator(read)
  }
}

function readCredentials(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new ShmwireError(
      ErrorCode.INVALID_ARGUMENT,
      `credentialsFile ${JSON.stringify(path)} cannot be read: ${(cause as Error).message}`,
      { cause },
    )
  }
}

/** The message of the error does not quote the value. */
function secret(name: string, value: unknown): Text {
  if (typeof value === 'string' || typeof value === 'function') return value as Text
  throw misuse(`${name} is a ${typeof value}; it must be a string or a function that returns one`)
}

function text(name: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') throw invalid(name, typeof value, 'a string')
  return value
}
