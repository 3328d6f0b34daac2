import { waitWithin } from '../../deadline.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import type { ServerMemory } from '../../listen.js'
import type { WaitOptions } from '../../options.js'
import type { CallContext } from '../../service/call/call-context.js'
import type { Contract } from '../../service/contract/contract.js'
import type { Handlers } from '../../service/contract/contract-types.js'
import { corrupt, type Frames } from '../attach/control-frame.js'
import { attachAsServer, nextFrame } from '../attach/server-attach.js'
import { carriedError } from '../carried-error.js'
import type { MessageCodec } from '../message-codec.js'
import { encodeBatch, TopicFrame } from './batch-frame.js'
import { readPublish } from './publish-frame.js'
import { closedTopic, type Publisher } from './publisher.js'
import type { OwnReader, RingStart, RingWriter } from './ring.js'
import { encodeBegin, encodeWelcome, readSubscribe, TOPIC_VERSION } from './subscribe-frames.js'
import { TopicSession } from './topic-session.js'
import type { Overflow, SubscribeFrom } from './types.js'

/** Messages that travel in one batch have at most so many bytes, and a longer message is a batch of its own. */
const BATCH_BYTES = 32 * 1024
/** Of this thread: a batch is copied out of it at once. */
let scratch: Buffer | undefined

/** More than a record of a stream adds to a message. */
const RECORD_BYTES = 64

const PUBLISHED = new Uint8Array(0)

export interface TopicServiceOptions {
  readonly epoch: string
  readonly overflow: Overflow
  readonly codec: MessageCodec
  readonly ring: RingWriter
  readonly publisher: Publisher
  /** Why the topic has no shared memory; undefined: it has some. */
  readonly obstacle: string | undefined
  readonly memory: () => ServerMemory
}

/** The methods of a topic, for its subscribers and for publishers in other processes. */
export class TopicService {
  readonly #options: TopicServiceOptions
  readonly #sessions = new Map<number, TopicSession>()
  /** Sessions that wait for a message. */
  readonly #waiting = new Set<TopicSession>()
  #closed = false
  #onEmpty: (() => void) | undefined
  /** Subscribers that were too slow. */
  disconnected = 0

  constructor(options: TopicServiceOptions) {
    this.#options = options
  }

  get subscribers(): number {
    return this.#sessions.size
  }

  /** The handlers of the service. */
  handlers(): Handlers<Contract> {
    return {
      publish: (frame: Buffer, context) => this.#publish(frame, context),
      subscribe: (frames: AsyncIterable<Uint8Array>, context) => this.#subscribe(frames, context),
    }
  }

  /** There is a new message. */
  readonly onPublished = (): void => {
    if (this.#waiting.size === 0) return
    for (const session of this.#waiting) session.wake()
    this.#waiting.clear()
  }

  /** The publisher has waited too long for this reader. */
  readonly onTooSlow = (reader: number): void => this.#disconnect(reader, tooSlow('the topic waited for it'))

  /** The reader broke the rules of shared memory. */
  readonly onViolation = (reader: number): void =>
    this.#disconnect(reader, corrupt('the subscriber', 'positions that no reader can have'))

  /** Ends the subscriptions after their last message. Those that do not end within the bounds fail. */
  async close(bounds: WaitOptions): Promise<void> {
    this.#closed = true
    this.#options.ring.close()
    for (const session of this.#sessions.values()) {
      if (session.reader === undefined) session.end()
      else session.wake()
    }
    try {
      await waitWithin<void>(bounds, 'closing the topic', (resolve) => {
        if (this.#sessions.size === 0) resolve()
        else this.#onEmpty = resolve
        return () => {}
      })
    } finally {
      for (const session of this.#sessions.values()) session.fail(closedTopic())
    }
  }

  async #publish(frame: Buffer, context: CallContext): Promise<Uint8Array> {
    try {
      const { codec, publisher } = this.#options
      const { codec: name, prefix, keyBytes, body } = readPublish(frame)
      codec.assertSame(name, 'the publisher')
      // A message that no subscriber can decode would end all subscriptions.
      codec.decode(body)
      await publisher.publish(body, prefix, keyBytes, () => ({ signal: context.signal }), 'remote')
      return PUBLISHED
    } catch (error) {
      throw carriedError(error)
    }
  }

  async *#subscribe(requests: AsyncIterable<Uint8Array>, context: CallContext): AsyncGenerator<Buffer> {
    try {
      yield* this.#converse(requests[Symbol.asyncIterator](), context)
    } catch (error) {
      throw carriedError(error)
    }
  }

  async *#converse(frames: Frames, context: CallContext): AsyncGenerator<Buffer> {
    const { codec, epoch, obstacle, overflow, publisher, ring } = this.#options
    const hello = readSubscribe(await nextFrame({ frames }))
    if (hello.version !== TOPIC_VERSION) throw otherVersion(hello.version)
    codec.assertSame(hello.codec, 'the subscriber')
    if (this.#closed) throw closedTopic()
    const { start, isOtherEpoch } = startOf(hello.from, epoch, publisher.sequence)
    yield encodeWelcome({ epoch, codec: codec.name, overflow, start, isOtherEpoch })
    let session: TopicSession | undefined
    try {
      const attachment = yield* attachAsServer({
        memory: this.#options.memory(),
        context,
        frames,
        obstacle: hello.obstacle ?? obstacle,
        accept: (socket, token) => {
          const index = ring.accept(socket, token, overflow === 'block')
          session = this.#add(new TopicSession(index, undefined, this.#remove))
          return index
        },
        detach: () => {
          session?.close()
          session = undefined
        },
      })
      if (session === undefined && 'reason' in attachment) {
        if (this.#closed) throw closedTopic()
        const reader = ring.createReader(overflow === 'block')
        session = this.#add(new TopicSession(reader.index, reader, this.#remove))
        yield encodeBegin(reader.seek(start))
      }
      const begun = session as TopicSession
      void begun.listen(frames, (frame) => this.#received(begun, frame))
      if (begun.reader === undefined) await begun.untilEnd()
      else yield* this.#feed(begun, begun.reader, context.channel.maxMessageBytes)
    } finally {
      session?.close()
    }
  }

  /** Sends the messages. The window of the stream bounds those that the subscriber has not taken; a slow one is overtaken in the ring. */
  async *#feed(session: TopicSession, reader: OwnReader, bytesMax: number): AsyncGenerator<Buffer> {
    // Several short messages must fit into the frame of a connection with a small limit, too.
    scratch ??= Buffer.allocUnsafeSlow(BATCH_BYTES)
    const target = scratch.subarray(0, Math.min(BATCH_BYTES, Math.ceil(bytesMax / 2)))
    for (;;) {
      session.assertNotFailed()
      const batch = session.ended ? undefined : this.#nextBatch(reader, target)
      if (batch !== undefined && batch.length + RECORD_BYTES > bytesMax) throw tooLong(batch.length, bytesMax)
      if (batch !== undefined) yield batch
      else if (session.ended || reader.closed) break
      else {
        this.#waiting.add(session)
        await session.wait()
      }
    }
    session.assertNotFailed()
  }

  #nextBatch(reader: OwnReader, target: Buffer): Buffer | undefined {
    let source = target
    let count = reader.receive(source, 0, false)
    if (count === 0 && reader.requiredBytes >= 0) {
      source = Buffer.allocUnsafeSlow(reader.requiredBytes)
      count = reader.receive(source, 0, false)
    }
    if (reader.writerWaits) this.#options.publisher.roomMade()
    if (count === 0) return undefined
    const { lost } = reader
    if (lost > 0 && this.#options.overflow === 'disconnect') {
      this.disconnected += 1
      throw tooSlow(`it lost ${lost} messages`)
    }
    return encodeBatch(reader, source, count, lost)
  }

  #received(session: TopicSession, frame: Uint8Array): void {
    const { overflow, publisher } = this.#options
    const kind = frame.length === 1 && session.reader === undefined ? frame[0] : undefined
    if (kind === TopicFrame.ROOM && overflow === 'block') publisher.roomMade()
    else if (kind === TopicFrame.TOO_SLOW && overflow === 'disconnect')
      this.#disconnect(session.index, tooSlow('it lost messages'))
    else
      throw corrupt('the subscriber', `a message of the kind ${frame[0] ?? 'none'} that has no meaning here`)
  }

  #disconnect(reader: number, error: ShmwireError): void {
    const session = this.#sessions.get(reader)
    if (session === undefined) {
      this.#options.ring.detach(reader)
      return
    }
    // It has ended without an error, and has not read the rest. Its index must not be that of another session while it lives.
    if (session.ended) {
      session.close()
      return
    }
    this.disconnected += 1
    session.fail(error)
  }

  #add(session: TopicSession): TopicSession {
    this.#sessions.set(session.index, session)
    return session
  }

  readonly #remove = (session: TopicSession): void => {
    this.#waiting.delete(session)
    if (this.#sessions.get(session.index) !== session) return
    this.#sessions.delete(session.index)
    this.#options.ring.detach(session.index)
    this.#options.publisher.roomMade()
    if (this.#sessions.size === 0) this.#onEmpty?.()
  }
}

/** Throws `INVALID_ARGUMENT` for a position that the topic has not reached. */
function startOf(
  from: SubscribeFrom,
  epoch: string,
  published: number,
): { readonly start: RingStart; readonly isOtherEpoch: boolean } {
  if (typeof from === 'string') return { start: from, isOtherEpoch: false }
  // All messages of this epoch are new to the subscriber.
  if (from.epoch !== epoch) return { start: 'oldest', isOtherEpoch: true }
  if (from.sequence <= published) return { start: from.sequence + 1, isOtherEpoch: false }
  throw new ShmwireError(
    ErrorCode.INVALID_ARGUMENT,
    `from.sequence is ${from.sequence}, and the last message of the topic is ${published}; pass the sequence of a message that was received`,
  )
}

function otherVersion(version: number): ShmwireError {
  return new ShmwireError(
    ErrorCode.VERSION,
    `the subscriber has version ${version} of topics, and the topic ${TOPIC_VERSION}; install the same version of shmwire on both sides`,
  )
}

function tooLong(bytes: number, bytesMax: number): ShmwireError {
  return new ShmwireError(
    ErrorCode.MESSAGE_TOO_LARGE,
    `a message of the topic takes ${bytes} bytes on the connection of this subscriber, and maxMessageBytes is ${bytesMax}; raise it on both sides, in the option channel`,
  )
}

/** The error of a subscriber that the topic disconnects. */
export function tooSlow(what: string): ShmwireError {
  return new ShmwireError(
    ErrorCode.BACKLOG,
    `the subscriber is slower than the publisher, and the topic disconnected it: ${what}; raise ringBytes, or choose overflow: 'lose'`,
  )
}
