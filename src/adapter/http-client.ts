import { Agent, type AgentOptions as NodeAgentOptions, type RequestOptions } from 'node:http'
import type { Socket } from 'node:net'
import { checkOptionNames } from '../options.js'
import type { ChannelSocket } from './channel-socket.js'
import { CONNECTION_OPTION_NAMES, type ConnectionOptions, createConnection } from './create-connection.js'

/** The ring of each direction. It holds several chunks, and hundreds of usual requests. */
export const HTTP_RING_BYTES = 256 * 1024

/** Each connection has two rings and a poller's attention, and a request on a connection is fast. */
const SOCKETS_MAX = 16

/** The options of `agent`. Those of `http.Agent` have its meaning and defaults, except `keepAlive` and `maxSockets`. */
export interface AgentOptions
  extends ConnectionOptions,
    Pick<
      NodeAgentOptions,
      | 'keepAlive'
      | 'keepAliveMsecs'
      | 'maxFreeSockets'
      | 'maxSockets'
      | 'maxTotalSockets'
      | 'scheduling'
      | 'timeout'
    > {}

const AGENT_OPTION_NAMES: readonly string[] = [
  'keepAlive',
  'keepAliveMsecs',
  'maxFreeSockets',
  'maxSockets',
  'maxTotalSockets',
  'scheduling',
  'timeout',
] satisfies (keyof AgentOptions)[]

/** An `http.Agent` whose connections are channels to one address, whatever the host of the request. */
export class ChannelAgent extends Agent {
  readonly #address: string
  readonly #connection: ConnectionOptions

  /** Agents come from `agent`. */
  constructor(address: string, options: AgentOptions) {
    checkOptionNames(options, [...CONNECTION_OPTION_NAMES, ...AGENT_OPTION_NAMES])
    const entries = Object.entries(options)
    const isOfAgent = ([name]: [string, unknown]): boolean => AGENT_OPTION_NAMES.includes(name)
    super({ keepAlive: true, maxSockets: SOCKETS_MAX, ...Object.fromEntries(entries.filter(isOfAgent)) })
    this.#address = address
    this.#connection = httpConnection(Object.fromEntries(entries.filter((entry) => !isOfAgent(entry))))
  }

  /** Called by Node for each new connection. */
  override createConnection(options: RequestOptions): ChannelSocket {
    return createConnection(this.#address, this.#connection).setTimeout(options.timeout ?? 0)
  }

  /** Requests to different hosts share connections. */
  override getName(): string {
    return this.#address
  }
}

/**
 * Creates an `http.Agent` for a server that is attached to the address, for `http.request({ agent })` and everything above it.
 *
 * @param options `keepAlive` is true and `maxSockets` 16 unless given, and rings have 256 KiB
 * @throws `INVALID_ARGUMENT`
 */
export function agent(address: string, options: AgentOptions = {}): ChannelAgent {
  return new ChannelAgent(address, options)
}

/** The option `connect` of an undici `Client`, `Pool` or `Agent`. */
export type Connect = (options: object, callback: (...result: [Error, null] | [null, Socket]) => void) => void

/**
 * Creates the option `connect` of undici, for a server that is attached to the address: `new Pool(origin, { connect: connector(address) })`.
 *
 * @param options rings have 256 KiB unless given
 * @throws `INVALID_ARGUMENT`
 */
export function connector(address: string, options: ConnectionOptions = {}): Connect {
  checkOptionNames(options, CONNECTION_OPTION_NAMES)
  const connection = httpConnection(options)
  return (_options, callback) => {
    const socket = createConnection(address, connection)
    const onError = (error: Error): void => callback(error, null)
    socket.once('error', onError)
    socket.once('connect', () => {
      socket.off('error', onError)
      // It has the members that undici uses.
      callback(null, socket as unknown as Socket)
    })
  }
}

function httpConnection(options: ConnectionOptions): ConnectionOptions {
  return { ringBytes: HTTP_RING_BYTES, ...options }
}
