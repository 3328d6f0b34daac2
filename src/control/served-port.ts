import type { AddressInfo, Socket } from 'node:net'
import { formatNetworkAddress, type NetworkAddress } from '../address/network-address.js'
import type { PipeAddress } from '../address/pipe-address.js'
import { waitWithin } from '../deadline.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { clearTimeout, setTimeout } from '../host.js'
import { log } from '../log/log.js'
import type { NativeHandoverSocket } from '../native/binding.js'
import type { Settings, WaitOptions } from '../options.js'
import type { WhenInUse } from './name-lease.js'
import { newPortServer, type PortServer } from './port-server.js'

/** How often a server that waits for its port tries again. The kernel does not report the end of another server. */
const RETRY_MS = 100

const WHEN_IN_USE_REMEDY =
  "close the other program, wait for its end with whenInUse: 'wait', or choose another port"

type Target = NetworkAddress | PipeAddress

/** The port, or the named pipe, of a running server. */
export class ServedPort {
  /** With the real port. */
  readonly address: string
  /** Of a private pipe. */
  readonly handoverSocket: NativeHandoverSocket | undefined
  readonly handoverUnavailable = undefined
  readonly #server: PortServer

  /** Call it in the turn in which `listenOnPort` has resolved. `accept` gets each accepted socket. */
  constructor(
    target: Target,
    server: PortServer,
    settings: Settings,
    accept: (socket: Socket) => void,
    handoverSocket?: NativeHandoverSocket,
  ) {
    this.#server = server
    this.handoverSocket = handoverSocket
    this.address = addressOf(target, server)
    server.netServer.on(server.event, accept)
    server.netServer.on('error', (error) =>
      log(settings.logger, 'client.notAccepted', () => ({ address: this.address, error })),
    )
  }

  ref(): void {
    this.#server.netServer.ref()
  }

  unref(): void {
    this.#server.netServer.unref()
  }

  /** Frees the address. Idempotent. */
  release(): void {
    this.#server.netServer.close()
  }

  closeHandover(): void {
    this.handoverSocket?.close()
  }
}

/** Listens at the address. Rejects with `NAME_IN_USE`, `DENIED`, `INVALID_ARGUMENT`, `OUT_OF_MEMORY`, `TIMEOUT`, `ABORTED`. */
export async function listenOnPort(
  target: Target,
  settings: Settings,
  { signal, timeoutMs, whenInUse }: WaitOptions & { readonly whenInUse: WhenInUse },
): Promise<PortServer> {
  const server = await newPortServer(target, settings)
  await waitWithin<void>({ signal, timeoutMs }, `listening at ${target.text}`, (resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const { netServer } = server
    const listen = (): void => {
      netServer.listen(
        target.kind === 'pipe' ? { path: target.path } : { host: target.host, port: target.port },
      )
    }
    const fail = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EADDRINUSE' && whenInUse === 'wait') timer = setTimeout(listen, RETRY_MS)
      else reject(listenFault(error, target.text, WHEN_IN_USE_REMEDY))
    }
    netServer.on('error', fail)
    netServer.once('listening', () => {
      netServer.off('error', fail)
      resolve()
    })
    listen()
    return () => {
      clearTimeout(timer)
      netServer.close()
    }
  })
  return server
}

function addressOf(target: Target, { netServer }: PortServer): string {
  if (target.kind === 'pipe') return target.text
  const { port } = netServer.address() as AddressInfo
  return formatNetworkAddress(target.kind, target.host, port)
}

/** The error of a server that cannot listen at the address `text`. `remedy` is for an address that is in use. */
export function listenFault(cause: NodeJS.ErrnoException, text: string, remedy: string): ShmwireError {
  switch (cause.code) {
    case 'EADDRINUSE':
      return new ShmwireError(ErrorCode.NAME_IN_USE, `the address ${text} is in use; ${remedy}`, { cause })
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOMEM':
    case 'ENOBUFS':
      return new ShmwireError(
        ErrorCode.OUT_OF_MEMORY,
        `no descriptor or memory is left to listen at ${text}`,
        {
          cause,
        },
      )
    case 'EACCES':
    case 'EPERM':
    case 'ERR_ACCESS_DENIED':
      return new ShmwireError(ErrorCode.DENIED, `this process may not listen at ${text} (${cause.message})`, {
        cause,
      })
    default:
      return new ShmwireError(
        ErrorCode.INVALID_ARGUMENT,
        `listening at ${text} failed (${cause.message}); use a host of this machine`,
        { cause },
      )
  }
}
