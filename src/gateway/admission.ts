import { type Identity, type Peer, UNKNOWN_PROCESS } from '../peer.js'
import { foundIdentity, type Identify, identityOfCertificate } from '../service/auth/identity.js'
import { checkAuthOptions, type Policy, type PolicyCall } from '../service/auth/policy.js'

/** The options of a gateway that decide who may call what. */
export interface AdmissionOptions {
  /** Says who may call which method, by the names of the contracts. Default: everyone. */
  policy?: Policy | undefined
  /** Finds the identity of a client from its address and certificate. Default: the common name of a verified certificate, without scopes and roles. */
  identify?: Identify | undefined
}

/** Decides about the calls of a gateway's clients. */
export class Admission {
  readonly #policy: Policy | undefined
  readonly #identify: Identify

  /** Throws `INVALID_ARGUMENT`. */
  constructor(options: AdmissionOptions) {
    checkAuthOptions(options)
    this.#policy = options.policy
    this.#identify = options.identify ?? identityOfCertificate
  }

  /** Throws `INVALID_ARGUMENT` if the policy has a rule for a method that the service does not have. */
  checkMethods(service: string, methods: readonly string[]): void {
    this.#policy?.checkMethods(service, methods)
  }

  /** Whether the program itself finds the identities. */
  get identifies(): boolean {
    return this.#identify !== identityOfCertificate
  }

  /** Undefined: the client has none. */
  identityOf(client: Pick<Peer, 'address' | 'certificate'>): Identity | undefined {
    const { address, certificate } = client
    const found = this.#identify({
      ...UNKNOWN_PROCESS,
      verified: certificate !== undefined,
      address,
      certificate,
    })
    try {
      return foundIdentity(found)
    } catch (cause) {
      // A mistake of the program, not of the client.
      throw new Error((cause as Error).message, { cause })
    }
  }

  /** See `Policy.check`. */
  check(identity: Identity | undefined, call: PolicyCall): PromiseLike<void> | undefined {
    return this.#policy?.check(identity, call)
  }
}
