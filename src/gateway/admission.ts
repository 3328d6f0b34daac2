import { invalid } from '../options.js'
import { type Identity, UNKNOWN_PROCESS } from '../peer.js'
import { foundIdentity, type Identify, identityOfCertificate } from '../service/auth/identity.js'
import { checkAuthOptions, type Policy, type PolicyCall } from '../service/auth/policy.js'
import { isThenable } from '../thenable.js'
import type { Authenticator, GatewayClient } from './authenticator.js'

/** The options of a gateway that decide who may call what. */
export interface AdmissionOptions {
  /** Says who may call which method, by the names of the contracts. Default: everyone. */
  policy?: Policy | undefined
  /**
   * Finds identities from the credentials of requests: `jwtAuth`, `apiKeys`. Of several, the first one that finds an identity counts. A request
   * with wrong credentials fails. Default: none.
   */
  auth?: Authenticator | readonly Authenticator[] | undefined
  /**
   * Finds the identity of a client without such credentials from its address and certificate. Default: the common name of a verified
   * certificate, without scopes and roles.
   */
  identify?: Identify | undefined
}

/** Decides about the calls of a gateway's clients. */
export class Admission {
  readonly authenticators: readonly Authenticator[]
  readonly #policy: Policy | undefined
  readonly #identify: Identify

  /** Throws `INVALID_ARGUMENT`. */
  constructor(options: AdmissionOptions) {
    checkAuthOptions(options)
    this.#policy = options.policy
    this.#identify = options.identify ?? identityOfCertificate
    this.authenticators = checkedAuthenticators(options.auth)
  }

  /** Throws `INVALID_ARGUMENT` if the policy has a rule for a method that the service does not have. */
  checkMethods(service: string, methods: readonly string[]): void {
    this.#policy?.checkMethods(service, methods)
  }

  /** The headers in which the authenticators find secrets, beside `authorization`. */
  get secretHeaders(): readonly string[] {
    return this.authenticators.flatMap(({ securityScheme: { in: place, name } }) =>
      place === 'header' && typeof name === 'string' ? [name.toLowerCase()] : [],
    )
  }

  /** The header `www-authenticate` for clients without valid credentials. Undefined: there is none. */
  get challenge(): string | undefined {
    const challenges = this.authenticators.map(({ challenge }) => challenge)
    return challenges.length === 0 ? undefined : challenges.join(', ')
  }

  /** Whether the program itself finds the identities. */
  get identifies(): boolean {
    return this.authenticators.length > 0 || this.#identify !== identityOfCertificate
  }

  /** Undefined: the client has none. Throws or rejects with `UNAUTHENTICATED` for wrong credentials. */
  identityOf(client: GatewayClient): Identity | undefined | Promise<Identity | undefined> {
    return this.#identityFrom(0, client)
  }

  /** See `Policy.check`. */
  check(identity: Identity | undefined, call: PolicyCall): PromiseLike<void> | undefined {
    return this.#policy?.check(identity, call)
  }

  /** Asks the authenticators from the one at `index`, and then `identify`. */
  #identityFrom(index: number, client: GatewayClient): Identity | undefined | Promise<Identity | undefined> {
    const authenticator = this.authenticators[index]
    if (authenticator === undefined) return this.#identityOfPeer(client)
    const result = authenticator.authenticate(client)
    const after = (found: Identity | undefined): Identity | undefined | Promise<Identity | undefined> =>
      found === undefined ? this.#identityFrom(index + 1, client) : checked(found)
    return isThenable(result) ? Promise.resolve(result).then(after) : after(result)
  }

  #identityOfPeer({ address, certificate }: GatewayClient): Identity | undefined {
    // The usual case, for each call.
    if (certificate === undefined && this.#identify === identityOfCertificate) return undefined
    const verified = certificate !== undefined
    return checked(this.#identify({ ...UNKNOWN_PROCESS, verified, address, certificate }))
  }
}

function checkedAuthenticators(auth: AdmissionOptions['auth']): readonly Authenticator[] {
  if (auth === undefined) return []
  const all: readonly Authenticator[] = Array.isArray(auth) ? auth : [auth]
  for (const authenticator of all)
    if (!isAuthenticator(authenticator))
      throw invalid('auth', authenticator, 'the result of jwtAuth or apiKeys, or an array of them')
  return all
}

function isAuthenticator(value: Partial<Authenticator> | null | undefined): boolean {
  const { authenticate, challenge, securityScheme } = value ?? {}
  const hasScheme = typeof securityScheme === 'object' && securityScheme !== null
  return typeof authenticate === 'function' && typeof challenge === 'string' && hasScheme
}

function checked(found: Identity | undefined): Identity | undefined {
  try {
    return foundIdentity(found)
  } catch (cause) {
    // A mistake of the program, not of the client.
    throw new Error((cause as Error).message, { cause })
  }
}
