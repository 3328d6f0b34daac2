// A process of nats-server whose port and directory stay the same over restarts. Plain JavaScript, because scripts use it too.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export const NATS_PROGRAM = 'nats-server'

export class NatsProcess {
  #file
  #child

  /**
   * @param port of the loopback
   * @param directory for the configuration and the messages
   * @param config further lines of the configuration
   * @param jetstream whether JetStream is enabled
   */
  constructor({ port, directory, config = '', jetstream = true }) {
    const store = join(directory, 'store')
    mkdirSync(store, { recursive: true })
    this.#file = join(directory, 'server.conf')
    const storage = jetstream ? `jetstream { store_dir: ${JSON.stringify(store)} }\n` : ''
    writeFileSync(this.#file, `listen: "127.0.0.1:${port}"\n${storage}${config}\n`)
  }

  /** Resolves when clients can connect. */
  async start() {
    const child = spawn(NATS_PROGRAM, ['-c', this.#file], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child = child
    const log = []
    await new Promise((resolve, reject) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        log.push(line)
        if (line.includes('Server is ready')) resolve()
      })
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`nats-server ended with ${code}:\n${log.join('\n')}`)))
    })
  }

  /** Resolves when the process has ended. */
  async stop(signal = 'SIGTERM') {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }

  signal(signal) {
    this.#child?.kill(signal)
  }
}

/** A restarted server needs its port again, so the server itself cannot choose it. */
export async function freePorts(count) {
  const holders = await Promise.all(
    Array.from({ length: count }, async () => {
      const holder = createServer().listen(0, '127.0.0.1')
      await once(holder, 'listening')
      return holder
    }),
  )
  const ports = holders.map((holder) => holder.address().port)
  await Promise.all(
    holders.map(async (holder) => {
      holder.close()
      await once(holder, 'close')
    }),
  )
  return ports
}
