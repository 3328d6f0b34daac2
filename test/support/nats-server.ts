import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll } from 'vitest'
import type { JetStreamOptions } from '../../src/engine/nats/index.js'
import { jetStream } from '../../src/engine/nats/index.js'
import type { Engine } from '../../src/messaging/engine.js'
import { longDirectory } from './temporary-directory.js'

const PROGRAM = 'nats-server'

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
  readonly #file: string
  #child: ChildProcess | undefined

  private constructor(port: number, file: string) {
    this.port = port
    this.url = `127.0.0.1:${port}`
    this.#file = file
  }

  static async start({ config = '', jetstream = true }: NatsOptions = {}): Promise<NatsServer> {
    const [port] = await freePorts(1)
    return NatsServer.#startWith(port as number, config, jetstream)
  }

  /** Servers that know each other. */
  static async startCluster(size: number): Promise<NatsServer[]> {
    const ports = await freePorts(2 * size)
    const routes = ports.slice(size).map((port) => `nats://127.0.0.1:${port}`)
    return Promise.all(
      routes.map((route, index) => {
        const cluster = `cluster { name: test, listen: "${route.slice('nats://'.length)}", routes: [${routes.join(', ')}] }`
        return NatsServer.#startWith(ports[index] as number, `server_name: n${index}\n${cluster}`, true)
      }),
    )
  }

  static async #startWith(port: number, config: string, jetstream: boolean): Promise<NatsServer> {
    const directory = longDirectory()
    const store = join(directory, 'store')
    mkdirSync(store)
    const file = join(directory, 'server.conf')
    const storage = jetstream ? `jetstream { store_dir: ${JSON.stringify(store)} }\n` : ''
    writeFileSync(file, `listen: "127.0.0.1:${port}"\n${storage}${config}\n`)
    const server = new NatsServer(port, file)
    servers.push(server)
    await server.start()
    return server
  }

  /** Starts the server again, with the same port and directory. */
  async start(): Promise<void> {
    const child = spawn(PROGRAM, ['-c', this.#file], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child = child
    const log: string[] = []
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
        log.push(line)
        if (line.includes('Server is ready')) resolve()
      })
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`nats-server ended with ${code}:\n${log.join('\n')}`)))
    })
  }

  /** Resolves when the process has ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }

  /** Stops and continues the process: the kernel keeps its connections. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
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

/** A restarted server needs its port again, so the server itself cannot choose it. */
async function freePorts(count: number): Promise<number[]> {
  const holders = await Promise.all(
    Array.from({ length: count }, async () => {
      const holder = createServer().listen(0, '127.0.0.1')
      await once(holder, 'listening')
      return holder
    }),
  )
  const ports = holders.map((holder) => (holder.address() as AddressInfo).port)
  await Promise.all(
    holders.map(async (holder) => {
      holder.close()
      await once(holder, 'close')
    }),
  )
  return ports
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
