import { createConnection, type Socket } from 'node:net'
import type { LocalAddress } from '../../address.js'
import type { ByteStream } from '../../byte-stream.js'
import type { RelayedClient } from '../../control/control-messages.js'
import { retryWhileQueueIsFull } from '../../control/full-queue.js'
import { identifyPipeServer } from '../../control/identify-pipe-server.js'
import { refuseOrDestroy } from '../../control/refuse-descriptors.js'
import { checkServerPlace } from '../../control/runtime-directory.js'
import { socketError } from '../../control/socket-error.js'
import { waitWithin } from '../../deadline.js'
import type { ShmwireError } from '../../errors.js'
import type { NativeLoad } from '../../native/load-binding.js'
import { readRelayedHello, readServerAnswer } from './relay-handshake.js'

const CONNECT_TIMEOUT_MS = 5_000

/** Connects to the control socket of a local server. Rejects with `NOT_LISTENING`, `DENIED`, `OUT_OF_MEMORY`, `TIMEOUT`, `ABORTED`. */
export async function connectToServer(
  address: LocalAddress,
  native: NativeLoad,
  signal: AbortSignal,
): Promise<Socket> {
  const { path, text } = address
  if (address.kind === 'unix') checkServerPlace(address)
  const connected = await retryWhileQueueIsFull(
    path,
    { signal, timeoutMs: CONNECT_TIMEOUT_MS },
    (timeoutMs) =>
      waitWithin<Socket>({ signal, timeoutMs }, `connecting to ${text}`, (resolve, reject) => {
        const socket = createConnection({ path, allowHalfOpen: true })
        const fail = (error: Error): void => reject(socketError(error, text))
        socket.once('error', fail)
        socket.once('connect', () => {
          socket.off('error', fail)
          socket.on('error', () => {})
          // The gateway keeps the process alive, unless the program wants otherwise.
          socket.unref()
          resolve(socket)
        })
        refuseOrDestroy(socket, native)
        return () => socket.destroy()
      }),
  )
  try {
    if (address.kind === 'pipe') await identifyPipeServer(path, native)
    return connected
  } catch (error) {
    connected.destroy()
    throw error
  }
}

/**
 * Passes the bytes of a tunnel to a server and back, with the back-pressure of both. Each direction ends by itself. Resolves when both
 * sides have closed; the end of one closes the other one.
 */
export async function relay(tunnel: ByteStream, socket: Socket, client: RelayedClient): Promise<void> {
  const closed = Promise.all([once(tunnel), once(socket)])
  // A session that fails destroys its stream with the reason.
  tunnel.on('error', () => {})
  tunnel.once('close', () => {
    // After the end of the client, the server gets all of its bytes. A client that is gone does not wait for a server that does not read.
    if (tunnel.readableEnded) socket.end(() => socket.destroy()).resume()
    else socket.destroy()
  })
  socket.once('close', () => {
    if (tunnel.writableFinished) tunnel.destroy()
    else tunnel.once('finish', () => tunnel.destroy()).end()
  })
  try {
    socket.write(await readRelayedHello(tunnel, client))
    tunnel.write(await readServerAnswer(socket))
    tunnel.pipe(socket)
    socket.pipe(tunnel)
  } catch (error) {
    socket.destroy()
    tunnel.destroy(error as ShmwireError)
  }
  await closed
}

function once(stream: ByteStream): Promise<void> {
  return new Promise((resolve) => stream.once('close', () => resolve()))
}
