/** The client's side of the attachment of a reader; server-attach.ts has the messages. */
import { callNative, NativeFailure } from '../../control/native-failure.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import type { Credentials } from '../../native/binding.js'
import {
  type ControlFields,
  clipReason,
  corrupt,
  encodeControl,
  type Frames,
  readControl,
  readReason,
} from './control-frame.js'

/** Each attempt empties the handover socket. Only a flood from other processes fills it so often. */
const OFFERS_MAX = 100
const TOKEN = /^[0-9a-f]{32}$/

/** A reader of the addon, with a segment of its own. */
export interface AttachableReader {
  /** Sends its descriptors to the handover socket. False: the queue is full. */
  offer(socketPath: string, token: Uint8Array): boolean
  /** Maps the memory of the server, and only of the process `server` if given. */
  attach(server?: Credentials): void
  close(): void
}

export interface ClientAttachOptions<Reader extends AttachableReader> {
  /** For errors: "the topic". */
  readonly server: string
  /** The messages of the server, after its first one. */
  readonly frames: Frames
  readonly send: (frame: Buffer) => void
  /** Throws the errors of the addon. */
  readonly createReader: () => Reader
  readonly handoverPath: string
  readonly credentials: Credentials | undefined
}

/** The reader that is attached, or the reason why there is none. */
export type ClientAttachment<Reader> = { readonly reader: Reader } | { readonly reason: string }

/** Rejects with `CORRUPT`, errors of the stream, and errors of the addon that a fallback would hide. Then no reader is open. */
export async function attachAsClient<Reader extends AttachableReader>(
  options: ClientAttachOptions<Reader>,
): Promise<ClientAttachment<Reader>> {
  const { server, send } = options
  const first = await nextFrame(options)
  if (first['token'] === undefined) return { reason: readReason(first['reason'], server) }
  const token = readToken(first['token'], server)
  let reader: Reader | undefined
  let isAttached = false
  try {
    const created = callNative('the reader cannot create its segment', options.createReader)
    reader = created
    await offer(options, created, token)
    send(encodeControl({ offered: true }))
    const answer = await nextFrame(options)
    if (answer['attached'] !== true) return { reason: readReason(answer['reason'], server) }
    callNative(`the memory of ${server} cannot be mapped`, () => created.attach(options.credentials))
    send(encodeControl({ done: true }))
    isAttached = true
    return { reader: created }
  } catch (failure) {
    if (!(failure instanceof NativeFailure)) throw failure
    if (!failure.allowsFallback) throw failure.error
    const reason = clipReason(failure.message)
    send(encodeControl({ reason }))
    return { reason }
  } finally {
    if (!isAttached) reader?.close()
  }
}

async function offer<Reader extends AttachableReader>(
  options: ClientAttachOptions<Reader>,
  reader: Reader,
  token: Uint8Array,
): Promise<void> {
  for (let offers = 0; offers < OFFERS_MAX; offers += 1) {
    const isSent = callNative('the reader cannot transfer its segment', () =>
      reader.offer(options.handoverPath, token),
    )
    if (isSent) return
    options.send(encodeControl({ full: true }))
    const answer = await nextFrame(options)
    if (answer['ready'] !== true)
      throw corrupt(options.server, 'no answer to a report of a full handover socket')
  }
  const message = `the server's handover socket was full ${OFFERS_MAX} times in a row`
  throw new NativeFailure(new ShmwireError(ErrorCode.UNAVAILABLE, message))
}

async function nextFrame({
  frames,
  server,
}: Pick<ClientAttachOptions<AttachableReader>, 'frames' | 'server'>): Promise<ControlFields> {
  const result = await frames.next()
  if (result.done === true) throw corrupt(server, 'no further message before the end of the attachment')
  return readControl(result.value, server)
}

function readToken(value: unknown, server: string): Buffer {
  if (typeof value === 'string' && TOKEN.test(value)) return Buffer.from(value, 'hex')
  throw corrupt(server, 'a token that is not 32 hexadecimal digits')
}
