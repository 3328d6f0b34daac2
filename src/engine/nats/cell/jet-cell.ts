import { randomBytes } from 'node:crypto'
import { backOffMs } from '../../../back-off.js'
import { waitWithin } from '../../../deadline.js'
import { ErrorCode, ShmwireError } from '../../../errors.js'
import { sleep } from '../../../host.js'
import type { Cell, CellOptions } from '../../../messaging/cell/types.js'
import { MessageCodec } from '../../../messaging/message-codec.js'
import { checkWaitOptions, integer, type WaitOptions } from '../../../options.js'
import type { EngineConnection, NatsSubscription } from '../connection.js'
import { assertEngineOptions } from '../engine-options.js'
import { ApiCode, apiCodeOf, faultOf, isPassing } from '../faults.js'
import { within } from '../within.js'
import {
  addValueHead,
  bucketStream,
  ensureBucket,
  lastValueSequence,
  Part,
  valueSubject,
  whatOfCell,
} from './cell-bucket.js'

const OPTION_NAMES: readonly string[] = [
  'name',
  'policy',
  'identify',
  'channel',
  'codec',
  'maxValueBytes',
  'engine',
  'signal',
  'timeoutMs',
] satisfies (keyof CellOptions)[]
const VALUE_BYTES_DEFAULT = 64 * 1024
const VALUE_BYTES_MAX = 64 * 1024 * 1024
const EPOCH_BYTES = 12
const WAIT_MIN_MS = 20
const WAIT_MAX_MS = 1_000
/** The key-value store knows the ids of messages for two minutes. */
const RESEND_TRIES_MAX = 30

/** Creates a cell, or takes over one whose writer may still run: that one can set no further value. */
export function createJetCell<Value>(
  connection: EngineConnection,
  name: string,
  initial: Value,
  options: CellOptions,
): Promise<Cell<Value>> {
  checkWaitOptions(options, OPTION_NAMES)
  assertEngineOptions(options)
  const bytes = integer('maxValueBytes', options.maxValueBytes ?? VALUE_BYTES_DEFAULT, 1, VALUE_BYTES_MAX)
  const bytesMax = Math.min(bytes, connection.maxPayloadBytes - HEADERS_BYTES)
  const codec = new MessageCodec(
    options.codec,
    bytesMax,
    'raise maxValueBytes, or max_payload of the NATS server',
  )
  return within(options, `creating ${whatOfCell(name)}`, async () => {
    await ensureBucket(connection, whatOfCell(name))
    const cell = new JetCell<Value>(connection, name, codec, initial)
    await cell.begin()
    return cell
  })
}

/** For the headers of the engine and of JetStream. */
const HEADERS_BYTES = 1024

class JetCell<Value> implements Cell<Value> {
  readonly address: string
  readonly epoch = randomBytes(EPOCH_BYTES).toString('hex')
  readonly #connection: EngineConnection
  readonly #codec: MessageCodec
  #value: Value
  #version = 1
  #encoded: Uint8Array
  /** In the stream: the server refuses a value if another writer has set one. */
  #sequence = 0
  #storedVersion = 0
  #writing: Promise<void> | undefined
  #writer: NatsSubscription | undefined
  #isClosed = false

  constructor(connection: EngineConnection, name: string, codec: MessageCodec, initial: Value) {
    this.address = name
    this.#connection = connection
    this.#codec = codec
    this.#value = initial
    this.#encoded = codec.keep(codec.encode(initial))
  }

  /** Stores the first value, and answers that there is a writer. */
  async begin(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      this.#sequence = await lastValueSequence(this.#connection, this.address)
      try {
        await this.#storeOnce()
        break
      } catch (error) {
        // Another writer has set a value meanwhile.
        const isTaken = apiCodeOf(error) === ApiCode.WRONG_LAST_SEQUENCE
        if (!isTaken || tries === RESEND_TRIES_MAX) throw faultOf(error, whatOfCell(this.address))
      }
    }
    const { nats } = this.#connection
    this.#writer = nats.subscribe(this.#subject(`${Part.WRITER}.${this.epoch}`), {
      callback: (error, message) => {
        if (error === null) message.respond()
      },
    })
    await nats.flush()
  }

  get version(): number {
    return this.#version
  }

  get(): Value {
    return this.#value
  }

  /** Resolves when the servers have stored this value or a newer one. Rejects with `INVALID_STATE` if another writer has taken over. */
  async set(value: Value): Promise<void> {
    if (this.#isClosed) throw new ShmwireError(ErrorCode.CLOSED, `${whatOfCell(this.address)} is closed`)
    this.#encoded = this.#codec.keep(this.#codec.encode(value))
    this.#value = value
    this.#version += 1
    const version = this.#version
    while (this.#storedVersion < version) {
      this.#writing ??= this.#store()
      await this.#writing
    }
  }

  async close(options?: WaitOptions): Promise<void> {
    const bounds = checkWaitOptions(options)
    if (this.#isClosed) return
    this.#isClosed = true
    await waitWithin<void>(bounds, `closing ${whatOfCell(this.address)}`, (resolve) => {
      // The calls of `set` report its errors.
      const end = (): void => resolve(this.#announceEnd())
      if (this.#writing === undefined) end()
      else this.#writing.then(end, end)
      return () => {}
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #announceEnd(): Promise<void> {
    const { nats } = this.#connection
    if (nats.isClosed()) return
    if (this.#writer?.isClosed() === false) this.#writer.unsubscribe()
    nats.publish(this.#subject(Part.CLOSED), this.epoch)
    await nats.flush()
  }

  /** Stores the newest value. Values that were set meanwhile follow in one further message. */
  async #store(): Promise<void> {
    try {
      await this.#storeOnce()
    } catch (error) {
      if (apiCodeOf(error) === ApiCode.WRONG_LAST_SEQUENCE)
        throw new ShmwireError(
          ErrorCode.INVALID_STATE,
          `another writer has taken over ${whatOfCell(this.address)}; create the cell again to take it over`,
          { cause: error },
        )
      throw faultOf(error, whatOfCell(this.address), { executed: 'unknown' })
    } finally {
      this.#writing = undefined
    }
  }

  async #storeOnce(): Promise<void> {
    const { client, settings } = this.#connection
    const version = this.#version
    const headers = this.#connection.newHeaders()
    addValueHead(headers, { epoch: this.epoch, version, codec: this.#codec.name })
    const options = {
      headers,
      msgID: `${this.epoch} ${version}`,
      timeout: settings.answerMs,
      expect: { streamName: bucketStream(this.#connection), lastSubjectSequence: this.#sequence },
    }
    const subject = valueSubject(this.#connection, this.address)
    const encoded = this.#encoded
    for (let tries = 1; ; tries += 1) {
      try {
        // The same id again is a duplicate, and the answer has the sequence of the first one.
        const { seq } = await client.publish(subject, encoded, options)
        this.#sequence = seq
        this.#storedVersion = version
        return
      } catch (error) {
        if (tries === RESEND_TRIES_MAX || !isPassing(error)) throw error
      }
      await sleep(backOffMs(tries, WAIT_MIN_MS, WAIT_MAX_MS))
    }
  }

  #subject(part: string): string {
    return this.#connection.settings.names.subject('cell', this.address, part)
  }
}
