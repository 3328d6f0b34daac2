import { waitWithin } from '../../deadline.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { sleep } from '../../host.js'
import type { Cell, CellOptions, CellWatch, WatchOptions } from '../../messaging/cell/types.js'
import type { Engine } from '../../messaging/engine.js'
import type {
  JobHandler,
  OpenQueueOptions,
  Queue,
  QueueClient,
  QueueOptions,
  Worker,
  WorkOptions,
} from '../../messaging/queue/types.js'
import type { SubscribeOptions, Subscription, Topic, TopicOptions } from '../../messaging/topic/types.js'
import { misuse, type WaitOptions } from '../../options.js'
import { createJetCell } from './cell/jet-cell.js'
import { watchJetCell } from './cell/jet-watch.js'
import { EngineConnection } from './connection.js'
import { isAbsence } from './faults.js'
import { checkEngineName } from './names.js'
import { type JetStreamOptions, type JetStreamSettings, resolveJetStreamOptions } from './options.js'
import { JetQueue } from './queue/jet-queue.js'
import { createJetQueue, openJetQueue, workJetQueue } from './queue/open-queue.js'
import { Replies } from './queue/replies.js'
import { subscribeJetTopic } from './topic/jet-subscription.js'
import { createJetTopic } from './topic/jet-topic.js'

/**
 * Carries topics, cells and queues over NATS servers with JetStream. It connects at the first call, and connects again by itself. Needs the
 * packages `@nats-io/transport-node`, `@nats-io/jetstream` and `@nats-io/kv`.
 *
 * @throws `INVALID_ARGUMENT`. The calls of the engine also reject with `UNAVAILABLE` (a package or JetStream is missing, or no server
 * answers), `NOT_LISTENING` (no server at these addresses, or nothing with this name) and `DENIED` (wrong login, certificate or permission).
 */
export function jetStream(options: JetStreamOptions): Engine {
  return new JetStreamEngine(resolveJetStreamOptions(options))
}

interface Open {
  readonly connection: EngineConnection
  readonly replies: Replies
}

class JetStreamEngine implements Engine {
  readonly #settings: JetStreamSettings
  #opening: Promise<Open> | undefined
  #isClosed = false

  constructor(settings: JetStreamSettings) {
    this.#settings = settings
  }

  async createTopic<Message>(name: string, options: TopicOptions = {}): Promise<Topic<Message>> {
    const { connection } = await this.#open(name, options)
    return createJetTopic(connection, name, options)
  }

  async subscribe<Message>(name: string, options: SubscribeOptions = {}): Promise<Subscription<Message>> {
    const { connection } = await this.#open(name, options)
    return subscribeJetTopic(connection, name, options)
  }

  async createCell<Value>(name: string, initial: Value, options: CellOptions = {}): Promise<Cell<Value>> {
    const { connection } = await this.#open(name, options)
    return createJetCell(connection, name, initial, options)
  }

  async watch<Value>(name: string, options: WatchOptions = {}): Promise<CellWatch<Value>> {
    const { connection } = await this.#open(name, options)
    return watchJetCell(connection, name, options)
  }

  async createQueue<Job, Result>(name: string, options: QueueOptions = {}): Promise<Queue<Job, Result>> {
    const { connection, replies } = await this.#open(name, options)
    const { deadLetters } = options
    if (deadLetters !== undefined && !(deadLetters instanceof JetQueue && deadLetters.isOf(connection)))
      throw misuse('deadLetters must be a queue of the same engine')
    if (deadLetters?.address === name) throw misuse('deadLetters is the queue itself; use another queue')
    return createJetQueue(connection, replies, name, options, deadLetters?.address)
  }

  async openQueue<Job, Result>(
    name: string,
    options: OpenQueueOptions = {},
  ): Promise<QueueClient<Job, Result>> {
    const { connection, replies } = await this.#open(name, options, options.waitForServer)
    return openJetQueue(connection, replies, name, options)
  }

  async work<Job, Result>(
    name: string,
    handler: JobHandler<Job, Result>,
    options: WorkOptions = {},
  ): Promise<Worker<Job>> {
    const { connection } = await this.#open(name, options, options.waitForServer)
    return workJetQueue(connection, name, handler, options)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const opening = this.#opening
    if (opening === undefined) return
    const open = await opening.catch(() => undefined)
    if (open === undefined) return
    open.replies.close()
    await open.connection.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** With `waitForServer`, waits for the servers too. */
  async #open(name: unknown, { signal, timeoutMs }: WaitOptions, waitForServer = false): Promise<Open> {
    checkEngineName(name)
    this.#assertOpen()
    return waitWithin<Open>({ signal, timeoutMs }, 'connecting to the NATS servers', (resolve, reject) => {
      let isWaiting = waitForServer
      this.#connected(() => isWaiting).then(resolve, reject)
      return () => {
        isWaiting = false
      }
    })
  }

  /** After a failure, or the end of a connection, the next call connects again. */
  async #connected(isWaiting: () => boolean): Promise<Open> {
    for (;;) {
      this.#assertOpen()
      this.#opening ??= this.#connect()
      try {
        return await this.#opening
      } catch (error) {
        if (!isWaiting() || !isAbsence(error)) throw error
      }
      await sleep(this.#settings.reconnectWaitMs)
    }
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new ShmwireError(ErrorCode.CLOSED, 'the engine is closed')
  }

  async #connect(): Promise<Open> {
    try {
      const connection = await EngineConnection.open(this.#settings)
      const forget = (): void => {
        this.#opening = undefined
      }
      connection.add({ onReconnect: () => {}, onClose: forget })
      return { connection, replies: new Replies(connection) }
    } catch (error) {
      this.#opening = undefined
      throw error
    }
  }
}
