import { spawnSync } from 'node:child_process'
import { afterAll } from 'vitest'
import type { JetStreamOptions } from '../../src/engine/nats/index.js'
import { jetStream } from '../../src/engine/nats/index.js'
import type { Engine } from '../../src/messaging/engine.js'
// @ts-expect-error: plain JavaScript, shared with scripts/messaging-kills.mjs
import { freePorts, NATS_PROGRAM, NatsProcess } from './nats-process.mjs'
import { longDirectory } from './temporary-directory.js'

interface PlainProcess {
  start(): Promise<void>
  stop(signal: NodeJS.Signals): Promise<void>
  signal(signal: NodeJS.Signals): void
}

const Started = NatsProcess as new (options: object) => PlainProcess
const portsOf = freePorts as (count: number) => Promise<number[]>
const PROGRAM = NATS_PROGRAM as string

/** The version of the program `nats-server` in the path; undefined: it is absent, and the tests that need it are skipped. */
export const NATS_VERSION = versionOf()

/** For the name of a skipped test. */
export const NATS_REASON =
  NATS_VERSION === undefined ? ' (skipped: the program nats-server is not installed)' : ''

export interface NatsOptions {
  /** More lines of the configuration: accounts, TLS, limits. */
  readonly config?: string
  /** Default: with JetStream. */
  readonly jetstream?: boolean
}

/** A server on a free port of the loopback, with a directory of its own. It is killed after the last test of the file. */
export class NatsServer {
  readonly port: number
  readonly url: string
  readonly #process: PlainProcess

  private constructor(port: number, process: PlainProcess) {
    this.port = port
    this.url = `127.0.0.1:${port}`
    this.#process = process
  }

  static async start({ config = '', jetstream = true }: NatsOptions = {}): Promise<NatsServer> {
    const [port] = await portsOf(1)
    return NatsServer.#startWith(port as number, config, jetstream)
  }

  /** Servers that know each other. */
  static async startCluster(size: number): Promise<NatsServer[]> {
    const ports = await portsOf(2 * size)
    const routes = ports.slice(size).map((port) => `nats://127.0.0.1:${port}`)
    return Promise.all(
      routes.map((route, index) => {
        const cluster = `cluster { name: test, listen: "${route.slice('nats://'.length)}", routes: [${routes.join(', ')}] }`
        return NatsServer.#startWith(ports[index] as number, `server_name: n${index}\n${cluster}`, true)
      }),
    )
  }

  static async #startWith(port: number, config: string, jetstream: boolean): Promise<NatsServer> {
    const server = new NatsServer(port, new Started({ port, directory: longDirectory(), config, jetstream }))
    servers.push(server)
    await server.start()
    return server
  }

  /** Starts the server again, with the same port and directory. */
  start(): Promise<void> {
    return this.#process.start()
  }

  /** Resolves when the process has ended. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    return this.#process.stop(signal)
  }

  /** Stops and continues the process: the kernel keeps its connections. */
  signal(signal: NodeJS.Signals): void {
    this.#process.signal(signal)
  }
}

const servers: NatsServer[] = []

afterAll(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop('SIGKILL')))
})

function versionOf(): string | undefined {
  const { stdout, status } = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' })
  return status === 0 ? stdout.trim().replace(/^.*v/, '') : undefined
}

const engines: Engine[] = []
afterAll(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()))
})

/** An engine with short times, which is closed after the last test of the file. */
export function openEngine(
  server: NatsServer | readonly NatsServer[],
  options: Partial<JetStreamOptions> = {},
): Engine {
  const urls = [server].flat().map(({ url }) => url)
  const engine = jetStream({
    servers: urls,
    leaseMs: 1_000,
    answerMs: 1_000,
    heartbeatMs: 500,
    reconnectWaitMs: 100,
    ...options,
  })
  engines.push(engine)
  return engine
}

/** The client of NATS itself, to do what the engine does not do. */
export async function connectNats({ url }: NatsServer) {
  const { connect, headers } = await import('@nats-io/transport-node')
  const { jetstreamManager } = await import('@nats-io/jetstream')
  const nats = await connect({ servers: url })
  return { nats, headers, manager: await jetstreamManager(nats) }
}
