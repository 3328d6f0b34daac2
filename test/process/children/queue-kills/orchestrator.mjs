// Kills the processes of a queue at random, and compares what they did with its guarantees.
import { fork } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { readLedgers } from './ledger.mjs'
import { faultsOf } from './oracle.mjs'

const PUSHERS = 2
const WORKERS = 3
const DELAY_MS_MAX = 120
/** Jobs that the workers complete before and after the kills, however slow the computer is. */
const JOBS_MIN = 20
/** Only a hang reaches it. */
const END_WATCHDOG_MS = 60_000

/**
 * @param address of the queue
 * @param directory a new one, for the ledgers
 * @param random from 0 to 1
 * @param kills how many processes are killed
 * @param victims of 'queue', 'pusher' and 'worker'; a role can be there several times
 * @param store the file of the queue's store; undefined: it has none
 */
export async function runKills({ address, directory, random, kills, victims, store }) {
  mkdirSync(directory, { recursive: true })
  const run = new Run(address, directory, store)
  try {
    await run.begin()
    const stuck = await run.work()
    if (stuck !== undefined) throw new Error(stuck)
    for (let kill = 0; kill < kills; kill += 1) {
      await sleep(random() * DELAY_MS_MAX)
      await run.kill(victims[Math.floor(random() * victims.length)], random())
    }
    const hang = (await run.work()) ?? (await run.end())
    const outcome = faultsOf(readLedgers(directory), {
      killed: run.killed,
      bornNs: run.bornNs,
      durable: store !== undefined,
    })
    return hang === undefined ? outcome : { ...outcome, faults: [hang, ...outcome.faults] }
  } finally {
    run.destroy()
  }
}

class Run {
  killed = new Set()
  bornNs = 0n
  #address
  #directory
  #store
  #live = []
  #count = 0

  constructor(address, directory, store) {
    this.#address = address
    this.#directory = directory
    this.#store = store
  }

  async begin() {
    await this.#start('queue')
    for (let index = 0; index < PUSHERS; index += 1) await this.#start('pusher')
    for (let index = 0; index < WORKERS; index += 1) await this.#start('worker')
  }

  async kill(role, choice) {
    const all = this.#live.filter((one) => one.role === role)
    const victim = all[Math.floor(choice * all.length)]
    this.#live = this.#live.filter((one) => one !== victim)
    this.killed.add(victim.name)
    victim.process.kill('SIGKILL')
    await victim.ended
    await this.#start(role)
  }

  /** Waits until the workers have completed some more jobs. Returns the fault, if they do not. */
  async work() {
    let completed
    return await this.#untilStats('the workers complete no jobs', (stats) => {
      completed ??= stats.completed
      return stats.completed >= completed + JOBS_MIN
    })
  }

  /** Stops the pushers, waits until the workers have run all jobs, and stops these. Returns the fault, if a process hangs. */
  async end() {
    for (const role of ['pusher', 'worker']) {
      if (role === 'worker') {
        const fault = await this.#drained()
        if (fault !== undefined) return fault
      }
      for (const one of this.#live.filter((each) => each.role === role)) {
        if ((await one.ready) !== 'ready') return `${one.name} does not begin`
        one.process.send('stop')
        if ((await within(one.next())) !== 'stopped') return `${one.name} does not stop`
        await one.ended
      }
    }
    return undefined
  }

  destroy() {
    for (const { process } of this.#live) process.kill('SIGKILL')
  }

  async #drained() {
    return await this.#untilStats(
      'the workers do not run all jobs',
      ({ waiting, delayed, leased }) => waiting + delayed + leased === 0,
    )
  }

  /** Returns the fault, if the queue does not come to this state. */
  async #untilStats(fault, isReached) {
    const queue = this.#live.find(({ role }) => role === 'queue')
    const endMs = performance.now() + END_WATCHDOG_MS
    while (performance.now() < endMs) {
      queue.process.send('stats')
      const stats = await within(queue.next())
      if (stats === undefined) return 'the queue does not answer'
      if (stats.dead > 0) return `${stats.dead} jobs are dead`
      if (isReached(stats)) return undefined
      await sleep(20)
    }
    return fault
  }

  async #start(role) {
    this.#count += 1
    const name = `${role}-${this.#count}`
    const file = fileURLToPath(new URL(`${role}.mjs`, import.meta.url))
    const ledgers = [this.#directory, name]
    const words = {
      queue: [this.#store ?? ''],
      pusher: [...ledgers, String(this.#count % 2)],
      worker: [...ledgers, String(1 + (this.#count % 8))],
    }
    const child = fork(file, [this.#address, ...words[role]])
    const messages = []
    const waiting = []
    const deliver = (message) => {
      const resolve = waiting.shift()
      if (resolve === undefined) messages.push(message)
      else resolve(message)
    }
    const ended = new Promise((resolve) => {
      child.once('exit', () => {
        resolve()
        deliver(undefined)
      })
    })
    child.on('message', deliver)
    const next = () =>
      messages.length > 0
        ? Promise.resolve(messages.shift())
        : new Promise((resolve) => waiting.push(resolve))
    // A victim that was killed before it began has no message.
    const ready = within(next())
    this.#live.push({ role, name, process: child, ended, next, ready })
    if (role !== 'queue') return
    if ((await ready) !== 'ready') throw new Error(`${name} does not begin`)
    this.bornNs = process.hrtime.bigint()
  }
}

/** Resolves to undefined when the wait takes too long. */
async function within(promise) {
  const watchdog = new AbortController()
  try {
    return await Promise.race([
      promise,
      sleep(END_WATCHDOG_MS, undefined, { signal: watchdog.signal }).catch(() => {}),
    ])
  } finally {
    watchdog.abort()
  }
}
