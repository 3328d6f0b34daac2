import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { waitWithin } from '../../deadline.js'
import { log } from '../../log/log.js'
import type { Logger } from '../../log/logger.js'
import { gatewayRequests } from '../../observe/diagnostics-channels.js'
import { isTraced } from '../../observe/diagnostics-trace.js'
import { GatewayRecorder, type RequestOutcome } from '../../observe/gateway-recorder.js'
import type { Identity } from '../../peer.js'
import type { PolicyCall } from '../../service/auth/policy.js'
import { ServiceError } from '../../service-error.js'
import { isServerFault } from '../../status.js'
import { isThenable } from '../../thenable.js'
import type { Admission } from '../admission.js'
import { isFault, publicError } from '../public-error.js'
import { checkRate, type RateLimits } from '../rate-limits.js'
import { statusOf, statusOfError } from './call-status.js'
import type { Connection } from './connection.js'
import type { GatewayTunnels } from './gateway-tunnels.js'
import { OPEN_PATH } from './grpc-dial.js'
import { httpFaultOf, refuseCall, respond } from './http-answers.js'
import { type CallSettings, ServerCall } from './server-call.js'
import { runTraced } from './traced-request.js'

/** A method of the gateway. */
export interface Route {
  /** The longest time of a call, in milliseconds. */
  readonly timeoutMs: number
  /** Whether a call ends only when its client ends it, so that a closing gateway does not wait for it. */
  readonly standing: boolean
  /** Whether one side sends a stream, for snapshots. */
  readonly streams?: boolean | undefined
  /** The call as the policy sees it. Undefined: everyone may make it. */
  readonly guarded: PolicyCall | undefined
  /** Answers a call. Rejects with the error of the call. */
  run(call: ServerCall): Promise<void>
}

interface CallsSettings extends CallSettings {
  readonly admission: Admission
  readonly rateLimits: RateLimits | undefined
  readonly tunnels: GatewayTunnels | undefined
  readonly logger: Logger | undefined
}

/** The open calls of a gateway. */
export class GatewayCalls {
  /** By path: `/package.Service/Method`. */
  readonly #routes: ReadonlyMap<string, Route>
  /** Counts the calls of services. */
  readonly recorder = new GatewayRecorder()
  readonly #settings: CallsSettings
  readonly #open = new Set<ServerCall>()
  readonly #standing = new Set<ServerCall>()
  #closed = false
  #onIdle: (() => void) | undefined

  constructor(routes: ReadonlyMap<string, Route>, settings: CallsSettings) {
    this.#routes = routes
    this.#settings = settings
  }

  /** Answers a request, whatever it is. */
  handle(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, { peer }: Connection): void {
    const fault = httpFaultOf(headers)
    if (fault !== undefined) {
      respond(stream, fault)
      return
    }
    const path = headers[':path'] as string
    const { tunnels } = this.#settings
    if (path === OPEN_PATH && tunnels !== undefined) {
      tunnels.open(stream, headers, peer)
      return
    }
    const route = this.#routes.get(path)
    if (route === undefined) {
      refuseCall(stream, statusOf('UNIMPLEMENTED', `this server has no method ${path}`))
      return
    }
    let call: ServerCall
    try {
      call = new ServerCall(stream, headers, peer, this.#settings, route.timeoutMs)
    } catch (error) {
      refuseCall(stream, statusOfError(error))
      return
    }
    if (isTraced(gatewayRequests)) runTraced(call, headers, route.guarded, () => this.#run(call, route))
    else void this.#run(call, route)
  }

  /** Resolves when no call of a service is open. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#open.size === 0) resolve()
      else this.#onIdle = resolve
    })
  }

  /** Ends all open calls, and refuses further ones. */
  close(error: Error): void {
    this.#closed = true
    for (const call of [...this.#open, ...this.#standing]) call.fail(error)
  }

  async #run(call: ServerCall, route: Route): Promise<void> {
    const calls = route.standing ? this.#standing : this.#open
    calls.add(call)
    // Health checks and reflection are not calls of services.
    const isService = !route.standing && route.guarded !== undefined
    const end = isService ? this.recorder.begin(route.streams === true) : undefined
    let outcome: RequestOutcome = 'ok'
    try {
      const admission = this.#admit(call, route)
      if (admission !== undefined) await untilEnd(call, admission)
      await route.run(call)
    } catch (error) {
      outcome = isServerFault(publicError(error).status) ? 'serverError' : 'clientError'
      // Its client gets no reason.
      if (!call.ended && isFault(error))
        log(this.#settings.logger, 'gateway.requestFailed', () => ({
          gateway: 'grpc',
          service: route.guarded?.service,
          method: route.guarded?.method,
          clientAddress: call.client.address,
          correlationId: call.correlationId,
          error,
        }))
      call.fail(error)
    } finally {
      end?.(outcome)
      calls.delete(call)
      if (this.#open.size === 0) this.#onIdle?.()
    }
  }

  /** Decides about a call before it begins. Throws or rejects with the error of a call that must not run. */
  #admit(call: ServerCall, { guarded }: Route): PromiseLike<void> | undefined {
    if (this.#closed) throw new ServiceError('UNAVAILABLE', 'the gateway is closing')
    if (guarded === undefined) return undefined
    const { admission, rateLimits } = this.#settings
    checkRate(rateLimits?.countAddress(call.client.address))
    const decide = (identity: Identity | undefined): PromiseLike<void> | undefined => {
      call.identity = identity
      if (identity !== undefined) checkRate(rateLimits?.countIdentity(identity.subject))
      return admission.check(identity, guarded)
    }
    const found = admission.identityOf(call.client)
    return isThenable(found) ? found.then(decide) : decide(found)
  }
}

/** A decision is not waited for any longer than its call. */
function untilEnd(call: ServerCall, admission: PromiseLike<void>): Promise<void> {
  return waitWithin<void>({ signal: call.signal }, 'the decision of the policy', (resolve, reject) => {
    void admission.then(resolve, reject)
    return () => {}
  })
}
