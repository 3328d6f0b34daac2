import type { FastifyReply, FastifyRequest } from 'fastify'
import { waitWithin } from '../../deadline.js'
import { cachedFor } from '../../observe/cached-for.js'
import { METRICS_CONTENT_TYPE, metricsText } from '../../observe/metrics-text.js'
import type { Identity } from '../../peer.js'
import { isThenable } from '../../thenable.js'
import { checkRate } from '../rate-limits.js'
import { clientOf } from './exchange.js'
import { HttpError } from './http-error.js'
import type { MetricsAccess, RestSettings } from './rest-options.js'

/** The identity of a client must be found within this time. */
const IDENTIFY_MS = 10_000
/** All clients that ask within this time get the same text, so that many requests do not multiply its work. */
const FRESH_MS = 1_000

/** Answers `GET /metrics`. */
export class MetricsRoute {
  readonly #settings: RestSettings
  readonly #access: MetricsAccess
  readonly #text = cachedFor(metricsText, FRESH_MS)

  constructor(settings: RestSettings, access: MetricsAccess) {
    this.#settings = settings
    this.#access = access
  }

  readonly answer = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { proxies, rates } = this.#settings
    const forwarded = request.headers['x-forwarded-for']
    const address = proxies.clientOf(request.raw.socket.remoteAddress, forwarded)
    checkRate(rates?.countAddress(address))
    const identity = await this.#identityOf(request, address)
    const answer: unknown = this.#access({ identity, address })
    // A rejection would be unhandled, which ends the process.
    if (isThenable(answer)) answer.then(ignore, ignore)
    // Only exactly true, because the promise of an async function must not let a client in.
    if (answer !== true) throw this.#refusal(identity)
    reply.header('content-type', METRICS_CONTENT_TYPE).header('cache-control', 'no-store').send(this.#text())
  }

  async #identityOf(request: FastifyRequest, address: string): Promise<Identity | undefined> {
    const found = this.#settings.admission.identityOf(clientOf(request, address))
    if (!isThenable(found)) return found
    return waitWithin<Identity | undefined>(
      { timeoutMs: IDENTIFY_MS },
      'finding the identity of the client',
      (resolve, reject) => {
        void found.then(resolve, reject)
        return () => {}
      },
    )
  }

  #refusal(identity: Identity | undefined): HttpError {
    return identity === undefined && this.#settings.admission.identifies
      ? new HttpError(401, 'UNAUTHENTICATED', 'the metrics need an identity')
      : new HttpError(403, 'PERMISSION_DENIED', 'this client may not read the metrics')
  }
}

function ignore(): void {}
