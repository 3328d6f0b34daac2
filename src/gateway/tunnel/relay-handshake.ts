/** The beginning of the handshake between a client behind a gateway and a server (docs/protocol.md, section 15). */
import type { ByteStream } from '../../byte-stream.js'
import { type RelayedClient, readHello, readOffer } from '../../control/control-messages.js'
import { SERVER_HANDSHAKE_TIMEOUT_MS } from '../../control/handshake.js'
import { waitWithin } from '../../deadline.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { Feature } from '../../wire/features.js'
import { FrameParser } from '../../wire/frame-parser.js'
import { controlBound, encodeControlFrame, encodeFrame, FrameKind } from '../../wire/frames.js'
import { encodePreamble, hasMagic, noShmwire, PREAMBLE_BYTES, versionFault } from '../../wire/preamble.js'

/** A first frame, and the bytes that have arrived after it. */
interface Beginning {
  readonly kind: number
  readonly payload: Buffer
  readonly rest: Buffer
}

/**
 * Reads the HELLO of the client. Resolves to the bytes for the server: a HELLO of the members that this version knows, which asks for the
 * socket and says that the client is behind a gateway. So the server never takes it for a process of its machine. Rejects with `VERSION`,
 * `CORRUPT`, `PEER_GONE`, `TIMEOUT`.
 */
export async function readRelayedHello(tunnel: ByteStream, relayed: RelayedClient): Promise<Buffer> {
  const { payload, rest } = await readBeginning(tunnel, 'client', [FrameKind.HELLO])
  const { features, codec, maxMessageBytes, ringBytes } = readHello(payload)
  const shm = 'the client is connected through a gateway'
  // The number of the client's process has no meaning on this machine.
  const terms = { features, codec, maxMessageBytes, ringBytes, pid: process.pid }
  const hello = encodeControlFrame(FrameKind.HELLO, { ...terms, transport: 'socket', shm, relayed })
  return Buffer.concat([encodePreamble(), hello, rest])
}

/**
 * Reads the answer of the server. Resolves to its bytes. Rejects with `VERSION` if the server has taken the client for a process of its machine,
 * because its version does not know the member `relayed`; with `CORRUPT`, `PEER_GONE`, `TIMEOUT`.
 */
export async function readServerAnswer(socket: ByteStream): Promise<Buffer> {
  const { kind, payload, rest } = await readBeginning(socket, 'server', [FrameKind.OFFER, FrameKind.REJECT])
  if (kind === FrameKind.OFFER && !readOffer(payload).features.includes(Feature.RELAYED))
    throw new ShmwireError(
      ErrorCode.VERSION,
      'the server does not know clients behind a gateway; install a newer version of shmwire for it',
    )
  return Buffer.concat([encodePreamble(), encodeFrame(kind, 0, payload), rest])
}

function readBeginning(
  stream: ByteStream,
  who: 'client' | 'server',
  kinds: readonly number[],
): Promise<Beginning> {
  const parser = new FrameParser(controlBound(kinds))
  const read = newReader(parser)
  const bounds = { timeoutMs: SERVER_HANDSHAKE_TIMEOUT_MS }
  return waitWithin(bounds, `the first frame of the ${who}`, (resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      parser.push(chunk)
      try {
        const beginning = read()
        if (beginning === undefined) return
        stop()
        resolve(beginning)
      } catch (error) {
        stop()
        reject(error)
      }
    }
    const onEnd = (): void => {
      stop()
      reject(new ShmwireError(ErrorCode.PEER_GONE, `the ${who} closed the connection before its first frame`))
    }
    const stop = (): void => {
      stream.off('data', onData).off('end', onEnd).off('close', onEnd).pause()
    }
    stream.on('data', onData).on('end', onEnd).on('close', onEnd).resume()
    return stop
  })
}

/** Returns a function that returns the first frame once it is there. */
function newReader(parser: FrameParser): () => Beginning | undefined {
  let preamble: Buffer | undefined
  return () => {
    if (preamble === undefined) {
      preamble = parser.take(PREAMBLE_BYTES)
      if (preamble === undefined) return undefined
      checkPreamble(preamble)
    }
    let frame: Omit<Beginning, 'rest'> | undefined
    parser.parse((kind, _id, payload) => {
      frame = { kind, payload }
      return false
    })
    return frame && { ...frame, rest: parser.takeRest() }
  }
}

/** Another major version can have other frames, which this version could not mark. */
function checkPreamble(preamble: Buffer): void {
  const fault = hasMagic(preamble) ? versionFault(preamble) : noShmwire(preamble)
  if (fault !== undefined) throw fault
}
