import { randomBytes } from 'node:crypto'
import { GrpcConnection } from '../../src/gateway/grpc/grpc-dial.js'
import type { TunnelConnection } from '../../src/gateway/tunnel/tunnel-connection.js'
import { decodeResponse, encodeMessage, type TunnelMessage } from '../../src/gateway/tunnel/tunnel-message.js'
import { dialWebSocket } from '../../src/gateway/ws/web-socket-dial.js'
import { resolveOptions } from '../../src/options.js'
import { Child } from './child.js'
import { temporaryDirectory } from './temporary-directory.js'

export type Carrier = 'grpc' | 'ws'

export const LIMIT = 64 * 1024

const connections: TunnelConnection[] = []

/** Ends the connections of all attackers. */
export function endAttackers(): void {
  for (const connection of connections.splice(0)) connection.destroy()
}

function dial(carrier: Carrier, port: number): TunnelConnection {
  const settings = resolveOptions({ authorize: () => true })
  const headers = async (): Promise<Record<string, string>> => ({})
  const address = { kind: 'tcp', host: '127.0.0.1', port, text: `${carrier}://127.0.0.1:${port}` } as const
  if (carrier === 'grpc') return new GrpcConnection({ address, settings }, headers)
  return dialWebSocket({ gateway: address, path: '/prices', name: 'prices' }, settings, headers)
}

/** The process of a gateway with a server. */
export class TunnelGatewayProcess {
  readonly carrier: Carrier
  readonly child: Child
  port = 0

  constructor(carrier: Carrier, options: object) {
    this.carrier = carrier
    this.child = new Child('tunnel-gateway', {
      args: ['prices', JSON.stringify({ bufferBytes: LIMIT, windowBytes: LIMIT, ...options }), carrier],
      env: { SHMWIRE_DIR: temporaryDirectory() },
      ipc: true,
    })
  }

  async start(): Promise<this> {
    this.port = (await this.child.next<{ port: number }>()).port
    return this
  }

  async state(): Promise<{ sessions: number; rss: number }> {
    this.child.send('state')
    for (;;) {
      const state = await this.child.next<{ sessions?: number; rss: number }>()
      if (state.sessions !== undefined) return { ...state, sessions: state.sessions }
    }
  }
}

/** A client that sends any messages, valid or not. */
export class Attacker {
  readonly connection: TunnelConnection
  readonly #received: TunnelMessage[] = []
  #wake: (() => void) | undefined
  #lost = false

  constructor({ carrier, port }: TunnelGatewayProcess) {
    this.connection = dial(carrier, port)
    connections.push(this.connection)
    this.connection.events = {
      message: (bytes) => {
        this.#received.push(decodeResponse(bytes))
        this.#wake?.()
      },
      drain() {},
      lost: () => {
        this.#lost = true
        this.#wake?.()
      },
    }
  }

  send(message: TunnelMessage | Buffer): boolean {
    return this.connection.send(Buffer.isBuffer(message) ? message : encodeMessage(message))
  }

  /** The next message; undefined if the connection ended before. */
  async next(): Promise<TunnelMessage | undefined> {
    while (this.#received.length === 0 && !this.#lost)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    return this.#received.shift()
  }

  async begin(session = randomBytes(16)): Promise<TunnelMessage | undefined> {
    this.send(start(session))
    return this.next()
  }
}

export function start(session: Buffer): TunnelMessage {
  return { kind: 'start', session, name: 'prices', resume: false, bootId: '', received: 0, limit: LIMIT }
}

export function transfer(position: number, data: Buffer, received = 0, limit = LIMIT): TunnelMessage {
  return { kind: 'transfer', position, data, end: false, received, limit }
}
