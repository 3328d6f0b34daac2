// Kills the processes of a queue at random, and compares what they did with its guarantees.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RunChild, WATCHDOG_MS } from './child.mjs'
import { readLedgers } from './ledger.mjs'
import { ANSWER_MS, NatsHolder } from './nats-holder.mjs'
import { areAllDone, faultsOf } from './oracle.mjs'
import { topicFaultsOf } from './topic-oracle.mjs'

const PUSHERS = 2
const WORKERS = 3
/** Over JetStream, there is a topic too. */
const PUBLISHERS = 2
const DELAY_MS_MAX = 120
/** Jobs that the workers complete before and after the kills, however slow the computer is. */
const JOBS_MIN = 20

/**
 * @param address of the queue
 * @param directory a new one, for the ledgers
 * @param random from 0 to 1
 * @param kills how many processes are killed
 * @param victims of 'queue', 'pusher' and 'worker'; over JetStream 'server', 'pusher', 'worker' and 'publisher'. A role can be there several times
 * @param store the file of the queue's store; undefined: it has none
 * @param engine 'nats': a queue and a topic over JetStream; undefined: a local queue
 */
export async function runKills({ address, directory, random, kills, victims, store, engine }) {
  const ledgers = join(directory, 'ledgers')
  mkdirSync(ledgers, { recursive: true })
  const nats = engine === 'nats' ? await NatsHolder.start(join(directory, 'nats')) : undefined
  const run = new Run({ address, ledgers, store, nats })
  try {
    await run.begin()
    const stuck = await run.work()
    if (stuck !== undefined) throw new Error(stuck)
    for (let kill = 0; kill < kills; kill += 1) {
      await sleep(random() * DELAY_MS_MAX)
      await run.kill(victims[Math.floor(random() * victims.length)], random())
    }
    const hang = (await run.work()) ?? (await run.end())
    const outcome = run.outcome()
    return hang === undefined ? outcome : { ...outcome, faults: [hang, ...outcome.faults] }
  } finally {
    await run.destroy()
  }
}

class Run {
  #address
  #ledgers
  #store
  #nats
  #live = []
  #count = 0
  #killed = new Set()
  #bornNs = 0n
  /** Of the processes of a local queue. */
  #queueKills = []

  constructor({ address, ledgers, store, nats }) {
    this.#address = address
    this.#ledgers = ledgers
    this.#store = store
    this.#nats = nats
  }

  async begin() {
    await this.#startReady('queue')
    if (this.#nats !== undefined) {
      await this.#startReady('subscriber')
      for (let index = 0; index < PUBLISHERS; index += 1) this.#start('publisher')
    }
    for (let index = 0; index < PUSHERS; index += 1) this.#start('pusher')
    for (let index = 0; index < WORKERS; index += 1) this.#start('worker')
  }

  async kill(role, choice) {
    if (role === 'server') return this.#nats.kill(choice)
    const all = this.#all(role)
    const victim = all[Math.floor(choice * all.length)]
    this.#live = this.#live.filter((one) => one !== victim)
    this.#killed.add(victim.name)
    const kill = { fromNs: process.hrtime.bigint(), untilNs: undefined }
    await victim.kill()
    if (role !== 'queue') return this.#start(role)
    this.#queueKills.push(kill)
    await this.#startReady(role)
    kill.untilNs = this.#bornNs
  }

  /** Waits until the workers have completed some more jobs. Returns the fault, if they do not. */
  async work() {
    const fault = await this.#nats?.started()
    if (fault !== undefined) return fault
    let completed
    return await this.#untilStats('the workers complete no jobs', (stats) => {
      completed ??= stats.completed
      return stats.completed >= completed + JOBS_MIN
    })
  }

  /** Stops the pushers, waits until the workers have run all jobs, and stops these. Returns the fault, if a process hangs. */
  async end() {
    const sequences = []
    for (const role of ['publisher', 'pusher', 'subscriber', 'worker']) {
      const fault = role === 'worker' ? await this.#drained() : undefined
      if (fault !== undefined) return fault
      for (const one of this.#all(role)) {
        if ((await one.ready) !== 'ready') return `${one.name} does not begin`
        const answer = await one.ask({ stop: true, sequence: Math.max(0, ...sequences) })
        if (answer === undefined) return `${one.name} does not stop`
        if (role === 'publisher') sequences.push(answer.sequence)
        await one.ended
      }
    }
    return undefined
  }

  outcome() {
    const lines = readLedgers(this.#ledgers)
    const isNats = this.#nats !== undefined
    const jobs = faultsOf(lines, {
      killed: this.#killed,
      bornNs: this.#bornNs,
      durable: isNats || this.#store !== undefined,
      holderKills: isNats ? this.#nats.kills : this.#queueKills,
      forgets: isNats || this.#store === undefined,
      resendMs: isNats ? ANSWER_MS : undefined,
    })
    if (!isNats) return jobs
    const topic = topicFaultsOf(lines, { killed: this.#killed })
    return { ...jobs, messages: topic.messages, faults: [...jobs.faults, ...topic.faults] }
  }

  async destroy() {
    for (const one of this.#live) one.process.kill('SIGKILL')
    await this.#nats?.stop()
  }

  #all(role) {
    return this.#live.filter((one) => one.role === role)
  }

  async #drained() {
    return await this.#untilStats('the workers do not run all jobs', ({ waiting, delayed, leased }) => {
      if (this.#nats === undefined) return waiting + delayed + leased === 0
      // A server that was killed can count a job that is done as waiting, and as leased (docs/nats.md).
      return delayed === 0 && areAllDone(readLedgers(this.#ledgers))
    })
  }

  /** Returns the fault, if the queue does not come to this state. */
  async #untilStats(fault, isReached) {
    const [queue] = this.#all('queue')
    const endMs = performance.now() + WATCHDOG_MS
    let stats
    while (performance.now() < endMs) {
      stats = await queue.ask('stats')
      if (stats === undefined) return 'the queue does not answer'
      if (stats.dead > 0) return `${stats.dead} jobs are dead`
      if (isReached(stats)) return undefined
      await sleep(20)
    }
    return `${fault}: ${JSON.stringify(stats)}`
  }

  #start(role) {
    this.#count += 1
    const name = `${role}-${this.#count}`
    const ledgers = [this.#ledgers, name]
    const words = {
      queue: [this.#store ?? ''],
      pusher: [...ledgers, String(this.#count % 2)],
      worker: [...ledgers, String(1 + (this.#count % 8))],
      publisher: ledgers,
      subscriber: ledgers,
    }
    const child = new RunChild(role, name, [this.#address, ...words[role]], this.#nats?.env)
    this.#live.push(child)
    return child
  }

  async #startReady(role) {
    const child = this.#start(role)
    if ((await child.ready) !== 'ready') throw new Error(`${child.name} does not begin`)
    if (role === 'queue') this.#bornNs = process.hrtime.bigint()
  }
}
