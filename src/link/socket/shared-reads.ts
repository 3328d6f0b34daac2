import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net'
import type { ByteStream } from '../../byte-stream.js'
import { descriptorOf, readsPlainly } from '../../socket-descriptor.js'

/** As much as Node reads at a time into fresh memory. */
const READ_BYTES = 64 * 1024

/** The kernel writes to it only during the call of the event loop that passes the bytes on, so all sockets of a thread share it. */
const memory = Buffer.allocUnsafeSlow(READ_BYTES)

/** The keys of the state that the option `onread` of `node:net` sets. */
interface ReadState {
  readonly memoryKey: symbol
  readonly callbackKey: symbol
}

type Callback = (bytes: number) => boolean
type Keyed = Record<symbol, unknown>

let state: ReadState | 'unknown' | undefined

/**
 * Has a connected socket read into memory that all sockets share, instead of fresh memory and a new Buffer for each read, which takes as long
 * as the rest of a read. It is the option `onread` of `node:net`, for a socket that exists: a server has no such option. The bytes change after
 * `onBytes` has returned. Returns false, and changes nothing, where it is not known how: for other streams and subclasses, for TLS, on
 * Windows, whose kernel writes to the memory of several reads at a time, and in runtimes that have no such private state. Bytes that the
 * socket has read before stay with it: take them first.
 */
export function readIntoShared(stream: ByteStream, onBytes: (bytes: Buffer) => void): boolean {
  if (!readsPlainly(stream) || descriptorOf(stream) === undefined) return false
  state ??= findState()
  if (state === 'unknown') return false
  const socket = stream as unknown as Keyed & { readonly _handle: ReadHandle }
  const { memoryKey, callbackKey } = state
  if (socket[memoryKey] !== null || socket[callbackKey] !== null) return false
  const handle = socket._handle
  if (typeof handle.useUserBuffer !== 'function') return false
  const callback: Callback = (bytes) => {
    onBytes(memory.subarray(0, bytes))
    return true
  }
  socket[memoryKey] = memory
  socket[callbackKey] = callback
  handle.useUserBuffer(memory)
  return true
}

interface ReadHandle {
  useUserBuffer?(memory: Uint8Array): void
}

/** Finds the private keys by their values in a socket with the option. */
function findState(): ReadState | 'unknown' {
  const callback: Callback = () => true
  const options: SocketConstructorOpts & ConnectOpts = { onread: { buffer: memory, callback } }
  const probe = new Socket(options)
  const keyOf = (value: unknown): symbol | undefined =>
    Object.getOwnPropertySymbols(probe).find((key) => (probe as unknown as Keyed)[key] === value)
  const [memoryKey, callbackKey] = [keyOf(memory), keyOf(callback)]
  probe.destroy()
  return memoryKey === undefined || callbackKey === undefined ? 'unknown' : { memoryKey, callbackKey }
}
