// The server of a run over JetStream: one process after the other, with the same port and directory.
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts, NatsProcess } from '../../../support/nats-process.mjs'

const DOWN_MS_MAX = 200
/** Short, so that a run has many leases and repeated messages, and longer than a busy computer stalls. */
const LEASE_MS = 3_000
export const ANSWER_MS = 1_000

export class NatsHolder {
  /** When each one was killed, and when the next one was ready. */
  kills = []
  /** For the children. */
  env
  #server
  #starting

  constructor(port, directory) {
    this.#server = new NatsProcess({ port, directory })
    const options = {
      servers: `127.0.0.1:${port}`,
      leaseMs: LEASE_MS,
      answerMs: ANSWER_MS,
      heartbeatMs: 500,
      reconnectWaitMs: 50,
    }
    this.env = { SHMWIRE_KILLS_ENGINE: JSON.stringify(options) }
  }

  static async start(directory) {
    const [port] = await freePorts(1)
    const holder = new NatsHolder(port, directory)
    await holder.#server.start()
    return holder
  }

  /** The next one starts meanwhile, so the next kill can end it before it is ready. */
  async kill(random) {
    const kill = { fromNs: process.hrtime.bigint(), untilNs: undefined }
    this.kills.push(kill)
    await this.#server.stop('SIGKILL')
    await sleep(random * DOWN_MS_MAX)
    const kills = [...this.kills]
    this.#starting = this.#server.start().then(
      () => {
        for (const each of kills) each.untilNs ??= process.hrtime.bigint()
        return undefined
      },
      (error) => error.message,
    )
  }

  /** Resolves to the fault, if the last one does not start. */
  started() {
    return this.#starting
  }

  async stop() {
    await this.#server.stop('SIGKILL')
  }
}
