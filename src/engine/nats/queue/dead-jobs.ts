import type { MessageCodec } from '../../../messaging/message-codec.js'
import type { DeadJob } from '../../../messaging/queue/types.js'
import type { EngineConnection, JetStreamManager } from '../connection.js'
import { ApiCode, apiCodeOf, faultOf } from '../faults.js'
import { readHeaders } from '../headers.js'
import type { StreamPublisher } from '../publisher.js'
import { retrying } from '../retrying.js'
import { copyFields, dedupIdOf, readDeadHead, readJobId, removeDeadHead } from './job-message.js'
import { whatOf } from './queue-streams.js'
import { bufferOf } from './replies.js'

type StoredMsg = NonNullable<Awaited<ReturnType<JetStreamManager['streams']['getMessage']>>>

/** The dead jobs that stay in the queue: a stream of their own, which drops the oldest ones beyond `maxDead`. */
export class DeadJobs<Job> {
  readonly #connection: EngineConnection
  readonly #publisher: StreamPublisher
  readonly #codec: MessageCodec
  readonly #what: string
  readonly #stream: string
  readonly #deadSubject: string
  readonly #jobSubject: string

  constructor(connection: EngineConnection, name: string, publisher: StreamPublisher, codec: MessageCodec) {
    const { names } = connection.settings
    this.#connection = connection
    this.#publisher = publisher
    this.#codec = codec
    this.#what = whatOf(name)
    this.#stream = names.stream('dead', name)
    this.#deadSubject = names.subject('queue', name, 'dead')
    this.#jobSubject = names.subject('queue', name, 'job')
  }

  /** Oldest first. */
  async list(limit: number): Promise<DeadJob<Job>[]> {
    const jobs: DeadJob<Job>[] = []
    for await (const message of this.#messages()) {
      jobs.push(this.#deadJobOf(message))
      if (jobs.length === limit) break
    }
    return jobs
  }

  /** Stores each job in the queue again, and then deletes the dead one. A process that dies in between leaves both. */
  async retry(ids: readonly string[] | undefined): Promise<number> {
    const chosen = ids === undefined ? undefined : new Set(ids)
    let count = 0
    for await (const message of this.#messages()) {
      if (chosen !== undefined && !chosen.has(readJobId(message.header, String(message.seq)))) continue
      const headers = this.#connection.newHeaders()
      copyFields(message.header, headers)
      removeDeadHead(headers)
      const id = dedupIdOf(`retry ${this.#stream} ${message.seq} ${message.timestamp}`)
      await this.#publisher.publish({ subject: this.#jobSubject, body: message.data, headers, id }, {})
      if (await this.#delete(message.seq)) count += 1
    }
    return count
  }

  /** The messages that the stream has now, oldest first. */
  async *#messages(): AsyncGenerator<StoredMsg, void> {
    const { manager } = this.#connection
    const { state } = await this.#call(() => manager.streams.info(this.#stream))
    for (let next = state.first_seq; next <= state.last_seq; ) {
      const query = { seq: next, next_by_subj: this.#deadSubject }
      const message = await this.#call(() => manager.streams.getMessage(this.#stream, query))
      if (message === null || message.seq > state.last_seq) return
      yield message
      next = message.seq + 1
    }
  }

  /** False: another program has deleted it. */
  async #delete(sequence: number): Promise<boolean> {
    try {
      return await retrying(() =>
        this.#connection.manager.streams.deleteMessage(this.#stream, sequence, false),
      )
    } catch (error) {
      if (apiCodeOf(error) === ApiCode.DELETE_FAILED) return false
      throw faultOf(error, this.#what)
    }
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await retrying(call)
    } catch (error) {
      throw faultOf(error, this.#what)
    }
  }

  /** A job can be dead because it is malformed, and must not hide the others. */
  #deadJobOf(message: StoredMsg): DeadJob<Job> {
    const head = orElse(() => readDeadHead(message.header), {
      attempts: 0,
      reason: 'its headers are malformed',
    })
    return {
      job: orElse<unknown>(() => this.#codec.decode(bufferOf(message.data)), undefined) as Job,
      id: orElse(() => readJobId(message.header, String(message.seq)), String(message.seq)),
      attempts: head.attempts,
      reason: head.reason,
      headers: orElse(() => readHeaders(message.header), {}),
    }
  }
}

function orElse<T>(read: () => T, fallback: T): T {
  try {
    return read()
  } catch {
    return fallback
  }
}
