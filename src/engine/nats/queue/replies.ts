import { decodeRemoteError } from '../../../channel/remote-error.js'
import { ErrorCode, ShmwireError } from '../../../errors.js'
import type { ConnectionUser, EngineConnection, Msg, MsgHdrs } from '../connection.js'

/** Of the program that waits for a result. */
const OUTCOME = 'Shmwire-Outcome'
type Outcome = 'result' | 'nothing' | 'error'

/** Requests without an answer, per engine. */
const REQUESTS_MAX = 65_536

interface Waiting {
  readonly resolve: (result: Buffer | undefined) => void
  readonly reject: (error: ShmwireError) => void
}

/** A place for one result. */
export interface ExpectedReply {
  readonly subject: string
  /** Undefined: the handler returned nothing. */
  readonly result: Promise<Buffer | undefined>
  forget(): void
}

/** The results that this process waits for: one subscription to an inbox with a subject for each request. */
export class Replies implements ConnectionUser {
  readonly #connection: EngineConnection
  readonly #inbox: string
  readonly #waiting = new Map<string, Waiting>()
  #count = 0

  constructor(connection: EngineConnection) {
    this.#connection = connection
    this.#inbox = connection.newInbox()
    connection.add(this)
    connection.nats.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => this.#receive(error, message),
    })
  }

  /** Throws `BACKLOG`. */
  expect(what: string): ExpectedReply {
    if (this.#waiting.size >= REQUESTS_MAX)
      throw new ShmwireError(
        ErrorCode.BACKLOG,
        `${what}: ${REQUESTS_MAX} requests wait for their results; await earlier ones first`,
        { executed: 'no' },
      )
    this.#count += 1
    const subject = `${this.#inbox}.${this.#count}`
    let waiting!: Waiting
    const result = new Promise<Buffer | undefined>((resolve, reject) => {
      waiting = { resolve, reject }
    })
    // The push can fail first, and then no call awaits the result.
    result.catch(() => {})
    this.#waiting.set(subject, waiting)
    return { subject, result, forget: () => this.#waiting.delete(subject) }
  }

  /** The client of NATS subscribes again itself. */
  onReconnect(): void {}

  onClose(error: ShmwireError | undefined): void {
    const end = error ?? new ShmwireError(ErrorCode.CLOSED, 'the engine is closed', { executed: 'unknown' })
    for (const { reject } of this.#waiting.values()) reject(end)
    this.#waiting.clear()
  }

  /** The message is input: any program can publish to an inbox that it knows. */
  #receive(error: Error | null, message: Msg): void {
    if (error !== null) return
    const waiting = this.#waiting.get(message.subject)
    if (waiting === undefined) return
    this.#waiting.delete(message.subject)
    const outcome = message.headers?.get(OUTCOME) as Outcome | undefined
    if (outcome === 'result') waiting.resolve(bufferOf(message.data))
    else if (outcome === 'nothing') waiting.resolve(undefined)
    else if (outcome === 'error') waiting.reject(decodeRemoteError(bufferOf(message.data)))
    else waiting.reject(new ShmwireError(ErrorCode.CORRUPT, 'the result of the job has no known form'))
  }

  close(): void {
    this.#connection.remove(this)
    this.onClose(undefined)
  }
}

/** The headers of a result. */
export function outcomeHeaders(connection: EngineConnection, outcome: Outcome): MsgHdrs {
  const headers = connection.newHeaders()
  headers.set(OUTCOME, outcome)
  return headers
}

/** Memory of the message alone, because a decoded message may keep views of it; those of the client share the memory of one read. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes)
}
