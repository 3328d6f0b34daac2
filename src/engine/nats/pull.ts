import { backOffMs } from '../../back-off.js'
import { ErrorCode, type ShmwireError } from '../../errors.js'
import { clearTimeout, nowMs, setImmediate, setTimeout, sleep } from '../../host.js'
import { log } from '../../log/log.js'
import type { ConnectionUser, EngineConnection, Msg, NatsSubscription } from './connection.js'
import { faultOf } from './faults.js'
import { nanosOf } from './streams.js'

export interface PullOwner {
  /** For errors: `the queue "mail"`. */
  readonly what: string
  readonly stream: string
  /** The server stops a request after so many bytes. Default: no limit. */
  readonly maxBytes?: number
  /** Makes sure that the consumer exists, and resolves to its name. Called again after a lost connection and a silence. */
  ensureConsumer(): Promise<string>
  /** Must not throw. `isLate`: the server sent it before the requests began again. */
  onMessage(message: Msg, isLate: boolean): void
  /** No further message follows. Undefined: the engine was closed. */
  onEnd(error: ShmwireError | undefined): void
}

/** A request for messages ends at the server after this time, and is sent again. The server refuses less than twice the heartbeat. */
const EXPIRES_MS = 30_000
const EXPIRES_HEARTBEATS = 2
/** As a factor of the heartbeat: one late sign of life must not end a consumer. */
const SILENCES_MAX = 2.5
/** The status of a heartbeat. A message of the stream has no status, which is 0. */
const HEARTBEAT = 100
const WAIT_MIN_MS = 50
const WAIT_MAX_MS = 5_000

/**
 * Requests messages of a pull consumer: exactly as many as its owner has room for, so that no message waits in this process while its lease
 * runs. A consumer can stop without any message, for example after a reconnect or the end of its leader. So the server sends heartbeats
 * while it has no message, and after a silence and after every reconnect, the consumer is checked and the requests begin again.
 */
export class Pull implements ConnectionUser {
  readonly #connection: EngineConnection
  readonly #owner: PullOwner
  readonly #heartbeatMs: number
  #subject: string | undefined
  #subscription: NatsSubscription | undefined
  #inbox = ''
  /** Messages that the owner has room for, and those that were requested. */
  #room = 0
  #requested = 0
  #lastMs = nowMs()
  #timer: NodeJS.Timeout | undefined
  #scheduled = false
  #resetting: Promise<void> | undefined
  #resetAgain = false
  /** Since then, the stream does not exist. */
  #missingMs: number | undefined
  /** Since the last message or heartbeat. */
  #resets = 0
  #ended = false

  constructor(connection: EngineConnection, owner: PullOwner) {
    this.#connection = connection
    this.#owner = owner
    this.#heartbeatMs = connection.settings.heartbeatMs
  }

  /** Rejects if the consumer cannot be created. */
  async start(): Promise<void> {
    this.#connection.add(this)
    try {
      await this.#begin()
    } catch (error) {
      this.#connection.remove(this)
      throw faultOf(error, this.#owner.what)
    }
    this.#watchSilence()
  }

  /** The owner has room for so many messages. A smaller number than before does not recall requests. */
  setRoom(room: number): void {
    this.#room = room
    if (this.#scheduled || this.#ended) return
    this.#scheduled = true
    // Messages that end in the same turn share a request.
    setImmediate(() => {
      this.#scheduled = false
      this.#request()
    })
  }

  /** Resolves when the server sends no more; messages that it has sent before still arrive. */
  async stop(): Promise<void> {
    if (!this.#end()) return
    const subscription = this.#subscription
    this.#subscription = undefined
    if (subscription === undefined || subscription.isClosed() || !this.#connection.isConnected) return
    await subscription.drain().catch(ignoreEnd)
  }

  onReconnect(): void {
    this.#reset('the connection was lost')
  }

  onClose(error: ShmwireError | undefined): void {
    if (this.#end()) this.#owner.onEnd(error)
  }

  #end(): boolean {
    if (this.#ended) return false
    this.#ended = true
    clearTimeout(this.#timer)
    this.#connection.remove(this)
    return true
  }

  async #begin(): Promise<void> {
    const consumer = await this.#owner.ensureConsumer()
    this.#missingMs = undefined
    if (this.#ended) return
    const { apiPrefix, nats } = this.#connection
    const old = this.#subscription
    this.#subject = `${apiPrefix}.CONSUMER.MSG.NEXT.${this.#owner.stream}.${consumer}`
    this.#inbox = this.#connection.newInbox()
    const inbox = this.#inbox
    const subscription = nats.subscribe(inbox, {
      callback: (error, message) => this.#receive(inbox, error, message),
    })
    this.#subscription = subscription
    void subscription.closed.then((error) => this.#onSubscriptionEnd(subscription, error))
    // Messages that are on their way to the old inbox still count as deliveries.
    if (old !== undefined && !old.isClosed()) void old.drain().catch(ignoreEnd)
    this.#requested = 0
    this.#lastMs = nowMs()
    this.#request()
  }

  #onSubscriptionEnd(subscription: NatsSubscription, error: unknown): void {
    if (subscription !== this.#subscription || !(error instanceof Error)) return
    if (this.#end()) this.#owner.onEnd(faultOf(error, this.#owner.what))
  }

  #request(): void {
    const batch = this.#room - this.#requested
    if (batch <= 0 || this.#ended || this.#subject === undefined || this.#resetting !== undefined) return
    const request = {
      batch,
      expires: nanosOf(Math.max(EXPIRES_MS, EXPIRES_HEARTBEATS * this.#heartbeatMs)),
      idle_heartbeat: nanosOf(this.#heartbeatMs),
      ...(this.#owner.maxBytes === undefined ? {} : { max_bytes: this.#owner.maxBytes }),
    }
    // The silence is that of the server after a request.
    if (this.#requested === 0) this.#lastMs = nowMs()
    this.#requested += batch
    try {
      this.#connection.nats.publish(this.#subject, JSON.stringify(request), { reply: this.#inbox })
    } catch (error) {
      // The connection is closed, and `onClose` follows.
      log(this.#connection.settings.logger, 'nats.requestNotSent', () => ({
        consumer: this.#owner.what,
        error,
      }))
    }
  }

  #receive(inbox: string, error: Error | null, message: Msg): void {
    if (error !== null) return
    const isCurrent = inbox === this.#inbox
    if (isCurrent) this.#lastMs = nowMs()
    if (isCurrent && (message.headers?.code ?? 0) <= HEARTBEAT) this.#resets = 0
    if (message.reply?.startsWith('$JS.ACK.') === true) {
      if (isCurrent) {
        this.#requested -= 1
        this.#room -= 1
      }
      this.#owner.onMessage(message, !isCurrent)
    } else if (isCurrent) this.#onStatus(message)
  }

  /** A message without a body, which the server itself sends. */
  #onStatus({ headers }: Msg): void {
    const code = headers?.code ?? 0
    if (code === HEARTBEAT) return
    const pending = Number(headers?.get('Nats-Pending-Messages') ?? '')
    const isEndOfRequest = code === 404 || code === 408 || (code === 409 && pending > 0)
    if (!isEndOfRequest || !Number.isInteger(pending) || pending <= 0) {
      this.#reset(`the server ends the request with ${code} ${headers?.description ?? ''}`)
      return
    }
    this.#requested = Math.max(0, this.#requested - pending)
    this.#request()
  }

  #watchSilence(): void {
    if (this.#ended) return
    this.#timer = setTimeout(() => {
      const silenceMs = nowMs() - this.#lastMs
      const isSilent = silenceMs > SILENCES_MAX * this.#heartbeatMs
      if (this.#requested > 0 && isSilent && this.#connection.isConnected)
        this.#reset(`no heartbeat for ${Math.round(silenceMs)} ms`)
      this.#watchSilence()
    }, this.#heartbeatMs / 2)
  }

  #reset(reason: string): void {
    if (this.#ended) return
    log(this.#connection.settings.logger, 'nats.requestsAgain', () => ({
      consumer: this.#owner.what,
      reason,
    }))
    this.#resetAgain = true
    this.#resetting ??= this.#resetUntilDone()
  }

  async #resetUntilDone(): Promise<void> {
    while (this.#resetAgain && !this.#ended) {
      this.#resetAgain = false
      this.#resets += 1
      // The server can end each request at once.
      await sleep(backOffMs(this.#resets, WAIT_MIN_MS, WAIT_MAX_MS))
      if (this.#ended) return
      try {
        await this.#begin()
      } catch (error) {
        this.#onResetFailed(faultOf(error, this.#owner.what))
      }
    }
    this.#resetting = undefined
    this.#request()
  }

  #onResetFailed(fault: ShmwireError): void {
    // A stream can be deleted and created again.
    const isMissing = fault.code === ErrorCode.NOT_LISTENING
    this.#missingMs = isMissing ? (this.#missingMs ?? nowMs()) : undefined
    const isGone =
      this.#missingMs !== undefined && nowMs() - this.#missingMs > SILENCES_MAX * this.#heartbeatMs
    const isOver = isGone || fault.code === ErrorCode.DENIED
    if (isOver && this.#end()) this.#owner.onEnd(fault)
    if (this.#ended) return
    log(this.#connection.settings.logger, 'nats.requestFailed', () => ({
      consumer: this.#owner.what,
      error: fault,
    }))
    this.#resetAgain = true
  }
}

/** The connection has ended during the drain, which also ends the subscription. */
function ignoreEnd(): void {}
