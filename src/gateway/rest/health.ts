import type { FastifyReply, FastifyRequest } from 'fastify'
import { waitWithin } from '../../deadline.js'
import { newAbortController } from '../../host.js'
import { log } from '../../log/log.js'
import type { Logger } from '../../log/logger.js'
import type { ClientFunctions } from '../../service/client.js'
import type { HealthCheck } from './rest-options.js'

/** A line of `/health`. */
interface CheckResult {
  readonly name: string
  readonly status: 'ok' | 'failed'
}

/** Of one check, in milliseconds. */
const CHECK_MS = 1_000

/** The checks of `/health` and `/ready`. They run once for all requests that arrive meanwhile, so that many requests do not multiply their work. */
export class Health {
  readonly #connected = new Map<string, boolean>()
  readonly #checks: ReadonlyMap<string, HealthCheck>
  readonly #logger: Logger | undefined
  readonly #pings = new Map<string, ClientFunctions>()
  #running: Promise<readonly CheckResult[]> | undefined
  #draining = false

  constructor(checks: ReadonlyMap<string, HealthCheck>, logger: Logger | undefined) {
    this.#checks = checks
    this.#logger = logger
  }

  /** Reports that there is a channel to a service, or is not. */
  set(service: string, connected: boolean): void {
    this.#connected.set(service, connected)
  }

  /** Reports the client of a service, whose answers are checked. */
  add(service: string, client: ClientFunctions): void {
    this.#pings.set(service, client)
  }

  /** The gateway is not ready for further requests. */
  drain(): void {
    this.#draining = true
  }

  /** Answers `/health`: whether the services answer, and the checks of the program pass. */
  readonly health = async (_request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    this.#running ??= this.#run()
    const checks = await this.#running
    const isHealthy = checks.every(({ status }) => status === 'ok')
    answer(reply, isHealthy, { status: isHealthy ? 'healthy' : 'unhealthy', checks })
  }

  /** Answers `/ready`: whether the gateway is open, and has a channel to each service. */
  readonly ready = (_request: FastifyRequest, reply: FastifyReply): void => {
    const isReady = !this.#draining && [...this.#connected.values()].every(Boolean)
    answer(reply, isReady, { status: isReady ? 'ready' : 'not ready' })
  }

  async #run(): Promise<readonly CheckResult[]> {
    try {
      return await Promise.all([
        ...[...this.#pings].map(([name, { members }]) =>
          this.#result(name, (signal) => members.$ping({ signal, timeoutMs: CHECK_MS })),
        ),
        ...[...this.#checks].map(([name, check]) => this.#result(name, check)),
      ])
    } finally {
      this.#running = undefined
    }
  }

  async #result(name: string, check: HealthCheck): Promise<CheckResult> {
    const controller = newAbortController()
    try {
      await waitWithin<void>({ timeoutMs: CHECK_MS }, `the check ${name}`, (resolve, reject) => {
        void new Promise((done) => {
          done(check(controller.signal))
        }).then(() => resolve(), reject)
        return () => controller.abort()
      })
      return { name, status: 'ok' }
    } catch (error) {
      // Its reason can state secrets of the program.
      log(this.#logger, 'gateway.checkFailed', () => ({ check: name, error }))
      return { name, status: 'failed' }
    }
  }
}

function answer(reply: FastifyReply, isGood: boolean, body: unknown): void {
  reply.code(isGood ? 200 : 503).header('cache-control', 'no-store')
  reply.header('content-type', 'application/json; charset=utf-8')
  reply.send(JSON.stringify(body))
}
