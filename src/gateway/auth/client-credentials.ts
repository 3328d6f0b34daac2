import { nowMs } from '../../host.js'
import { log } from '../../log/log.js'
import type { Logger } from '../../log/logger.js'
import { checkOptionNames, integer, invalid, loggerOption, misuse } from '../../options.js'
import { checkFetch, checkUrl, type Fetch } from './fetch-json.js'
import { RetryWait } from './retry-wait.js'
import { type AccessToken, requestToken, type TokenRequest } from './token-request.js'

/** The options of `clientCredentials`. */
export interface ClientCredentialsOptions {
  /** The token endpoint of the authorization server, with https. */
  tokenUrl: string | URL
  clientId: string
  clientSecret: string
  /** The scopes of the tokens, with spaces between them. Default: those that the server chooses. */
  scope?: string | undefined
  /** The receiver of the tokens, for servers that ask for it. Default: none. */
  audience?: string | undefined
  /** How the secret travels: in the header `authorization` (`'basic'`), or in the body (`'post'`). Default `'basic'`. */
  authentication?: 'basic' | 'post' | undefined
  /** The longest time of a request, in milliseconds. 100 to 60,000. Default 10,000. */
  timeoutMs?: number | undefined
  /** Accepts a `tokenUrl` without TLS beyond this machine, where every host on the way can read the secret. Default false. */
  insecure?: boolean | undefined
  /** Makes the requests, for example through a proxy. Default: the global `fetch`. */
  fetch?: Fetch | undefined
  /** Receives one line if a token cannot be renewed in time. Default: none. */
  logger?: Logger | undefined
}

const OPTION_NAMES: readonly string[] = [
  'tokenUrl',
  'clientId',
  'clientSecret',
  'scope',
  'audience',
  'authentication',
  'timeoutMs',
  'insecure',
  'fetch',
  'logger',
] satisfies (keyof ClientCredentialsOptions)[]
const TIMEOUT_MS = 10_000
const TIMEOUT_MS_MIN = 100
const TIMEOUT_MS_MAX = 60_000

/**
 * Gets access tokens for calls to remote servers, by the client credentials grant of OAuth 2.0 (RFC 6749, 4.4). The result is for the option
 * `token` of `grpcService` and `connectTunnel`. One token serves all calls, and is renewed before it expires. One request at a time serves
 * all callers; after failures, the waits between requests grow from 1 to 30 seconds.
 *
 * The function rejects with `DENIED` and the status UNAUTHENTICATED if the server refuses the client, and with `UNAVAILABLE`. Its errors have
 * no secrets.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function clientCredentials(options: ClientCredentialsOptions): () => Promise<string> {
  const source = new RenewedToken(resolve(options), loggerOption(options.logger))
  return () => source.token()
}

class RenewedToken {
  readonly #request: TokenRequest
  readonly #logger: Logger | undefined
  readonly #wait = new RetryWait()
  #token: AccessToken | undefined
  #requesting: Promise<AccessToken> | undefined
  #lastFailure: unknown

  constructor(request: TokenRequest, logger: Logger | undefined) {
    this.#request = request
    this.#logger = logger
  }

  async token(): Promise<string> {
    const token = this.#token
    const now = nowMs()
    if (token === undefined || now >= token.expiresMs) return (await this.#next()).text
    if (now >= token.renewMs && this.#requesting === undefined && this.#wait.isOver)
      this.#next().catch((error: unknown) => log(this.#logger, 'auth.tokenNotRenewed', () => ({ error })))
    return token.text
  }

  /** The token of the request that is running, or of the next one. */
  async #next(): Promise<AccessToken> {
    if (this.#requesting === undefined && !this.#wait.isOver) throw this.#lastFailure
    this.#requesting ??= this.#renew().finally(() => {
      this.#requesting = undefined
    })
    return this.#requesting
  }

  async #renew(): Promise<AccessToken> {
    try {
      const token = await requestToken(this.#request)
      this.#token = token
      this.#wait.succeeded(0)
      return token
    } catch (error) {
      this.#wait.failedAgain()
      this.#lastFailure = error
      throw error
    }
  }
}

/** Checks the options and adds the defaults. Throws `INVALID_ARGUMENT`. */
function resolve(options: ClientCredentialsOptions): TokenRequest {
  checkOptionNames(options, OPTION_NAMES)
  const { tokenUrl, clientId, clientSecret, scope, audience, authentication = 'basic', timeoutMs } = options
  // No message quotes a secret.
  for (const [name, value] of Object.entries({ clientId, clientSecret }))
    if (typeof value !== 'string' || value === '') throw misuse(`${name} must be a text that is not empty`)
  const form = new URLSearchParams({ grant_type: 'client_credentials' })
  for (const [name, value] of Object.entries({ scope, audience })) {
    if (value === undefined) continue
    if (typeof value !== 'string' || value === '') throw invalid(name, value, 'a text that is not empty')
    form.set(name, value)
  }
  const headers: Record<string, string> = {
    accept: 'application/json',
    'content-type': 'application/x-www-form-urlencoded',
  }
  if (authentication === 'basic') headers['authorization'] = basic(clientId, clientSecret)
  else if (authentication === 'post') {
    form.set('client_id', clientId)
    form.set('client_secret', clientSecret)
  } else throw invalid('authentication', authentication, "'basic' or 'post'")
  return {
    url: checkUrl('tokenUrl', tokenUrl, options.insecure),
    headers,
    form: form.toString(),
    timeoutMs: integer('timeoutMs', timeoutMs ?? TIMEOUT_MS, TIMEOUT_MS_MIN, TIMEOUT_MS_MAX),
    fetch: checkFetch(options.fetch),
  }
}

/** Each part is form-encoded first (RFC 6749, 2.3.1). */
function basic(id: string, secret: string): string {
  const encoded = [id, secret].map((part) => new URLSearchParams({ '': part }).toString().slice(1))
  return `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`
}
