/**
 * The server's side of the attachment of a reader to memory of a topic or a cell, after the first message of each side. All messages are
 * control messages:
 *
 *   server: { token } or { reason }     with a reason, the two sides continue without shared memory
 *   client: { full }                    the handover socket was full; server: { ready }, and the client tries again
 *   client: { offered } or { reason }   it has sent its descriptors to the handover socket
 *   server: { attached } or { reason }  it has answered with its own
 *   client: { done } or { reason }      it has mapped the memory
 */
import { ExpectedHandover, type Pause } from '../../control/expected-handover.js'
import type { Grant, Owner } from '../../control/handover-slots.js'
import { SERVER_HANDSHAKE_TIMEOUT_MS } from '../../control/handshake.js'
import { callNative, NativeFailure } from '../../control/native-failure.js'
import { waitWithin } from '../../deadline.js'
import { nextTurn, sleep } from '../../host.js'
import type { ServerMemory } from '../../listen.js'
import type { NativeHandoverSocket } from '../../native/binding.js'
import type { Peer } from '../../peer.js'
import type { CallContext } from '../../service/call/call-context.js'
import { AttachExchange } from './attach-exchange.js'
import {
  type ControlFields,
  clipReason,
  corrupt,
  encodeControl,
  type Frames,
  readControl,
  readReason,
} from './control-frame.js'
import { credentialsOf } from './memory-terms.js'

const CLIENT = 'the reader'

/** As in the handshake: the protocol limits the number of `full` messages. */
const DRAINS_MAX = 100

export interface ServerAttachOptions {
  readonly memory: ServerMemory
  readonly context: Pick<CallContext, 'channel' | 'peer' | 'signal'>
  /** The messages of the client, after its first one. */
  readonly frames: Frames
  /** Why this side shares no memory with this reader; undefined: it may. */
  readonly obstacle: string | undefined
  /** Takes the client's descriptors and sends its own. Returns the index of the reader. Throws the errors of the addon. */
  readonly accept: (socket: NativeHandoverSocket, token: Uint8Array) => number
  /** Forgets the reader again, because the client could not map the memory. */
  readonly detach: (index: number) => void
}

/** The index of a reader that reads shared memory, or the reason why the reader does not. */
export type ServerAttachment = { readonly index: number } | { readonly reason: string }

/**
 * Yields the messages of the server, and returns the result. Throws `CORRUPT`, `TIMEOUT`, and errors of the addon that a fallback would
 * hide. A reader that fails later must be detached by the caller.
 */
export async function* attachAsServer(
  options: ServerAttachOptions,
): AsyncGenerator<Buffer, ServerAttachment, undefined> {
  const reason = options.obstacle ?? obstacleOf(options.memory, options.context)
  if (reason !== undefined) return yield* refuse(reason)
  const grant = await waitForSlot(options)
  if ('unavailable' in grant) return yield* refuse(grant.unavailable)
  const { memory, context } = options
  let handover: ExpectedHandover
  try {
    handover = new ExpectedHandover(
      memory.handoverSocket as NativeHandoverSocket,
      credentialsOf(context.peer),
      grant.release,
    )
  } catch (failure) {
    return yield* refuse(fallbackReason(failure))
  }
  const exchange = new AttachExchange(handover, options.detach)
  try {
    return yield* run(options, exchange)
  } finally {
    exchange.end()
  }
}

async function* refuse(reason: string): AsyncGenerator<Buffer, ServerAttachment, undefined> {
  const clipped = clipReason(reason)
  yield encodeControl({ reason: clipped })
  return { reason: clipped }
}

async function* run(
  options: ServerAttachOptions,
  exchange: AttachExchange,
): AsyncGenerator<Buffer, ServerAttachment, undefined> {
  const { memory, context } = options
  const { handover } = exchange
  const pause: Pause = async (ms) => {
    await (ms === 0 ? nextTurn() : sleep(ms))
    context.signal.throwIfAborted()
    exchange.assertInTime()
  }
  yield encodeControl({ token: handover.token.toString('hex') })
  exchange.assertInTime()
  const offered = yield* nextWhileFull(options, exchange, pause)
  if (offered['offered'] !== true) return { reason: readReason(offered['reason'], CLIENT) }
  let index: number
  try {
    await handover.settle(pause)
    index = callNative("the reader's segment cannot be mapped", () =>
      options.accept(memory.handoverSocket as NativeHandoverSocket, handover.token),
    )
  } catch (failure) {
    return yield* refuse(fallbackReason(failure))
  }
  exchange.accepted(index)
  yield encodeControl({ attached: true })
  const last = await nextFrame(options)
  exchange.assertInTime()
  if (last['done'] !== true) return { reason: readReason(last['reason'], CLIENT) }
  exchange.complete()
  return { index }
}

async function* nextWhileFull(
  options: ServerAttachOptions,
  exchange: AttachExchange,
  pause: Pause,
): AsyncGenerator<Buffer, ControlFields, undefined> {
  for (let drains = 0; ; drains += 1) {
    const fields = await nextFrame(options)
    exchange.assertInTime()
    if (fields['full'] !== true) return fields
    if (drains === DRAINS_MAX)
      throw corrupt(CLIENT, `more than ${DRAINS_MAX} reports of a full handover socket`)
    try {
      await exchange.handover.drain(pause)
    } catch (failure) {
      // The next step fails for the same reason, and reports it to the client.
      if (!(failure instanceof NativeFailure)) throw failure
    }
    yield encodeControl({ ready: true })
  }
}

/** The next message of the client, which must not keep a slot of the server for long. Throws `TIMEOUT`, `CORRUPT`. */
export async function nextFrame({ frames }: Pick<ServerAttachOptions, 'frames'>): Promise<ControlFields> {
  return readControl(await nextBytes(frames), CLIENT)
}

function nextBytes(frames: Frames): Promise<Uint8Array> {
  const bounds = { timeoutMs: SERVER_HANDSHAKE_TIMEOUT_MS }
  return waitWithin(bounds, 'the wait for the next message of the reader', (resolve, reject) => {
    void frames.next().then((result) => {
      if (result.done === true) reject(corrupt(CLIENT, 'no further message before the end of the attachment'))
      else resolve(result.value)
    }, reject)
    return () => {}
  })
}

function waitForSlot({ memory, context }: ServerAttachOptions): Promise<Grant> {
  return waitWithin<Grant>({ signal: context.signal }, 'the wait for a slot', (resolve) =>
    memory.slots.request(ownerOf(context.peer), resolve),
  )
}

/** Over other links than these, the peer is on another machine, or behind a gateway. */
function obstacleOf(memory: ServerMemory, { channel }: ServerAttachOptions['context']): string | undefined {
  const { transport } = channel
  if (transport !== 'shm' && transport !== 'unix')
    return `the connection uses '${transport}', over which the two sides share no memory`
  return memory.obstacle
}

function ownerOf({ pid, uid, gid }: Peer): Owner {
  return pid === undefined ? `user ${uid ?? 'unknown'}, group ${gid ?? 'unknown'}` : `process ${pid}`
}

/** The reason why the two sides continue without shared memory. Throws an error that a fallback would hide. */
function fallbackReason(failure: unknown): string {
  if (!(failure instanceof NativeFailure)) throw failure
  if (!failure.allowsFallback) throw failure.error
  return failure.message
}
