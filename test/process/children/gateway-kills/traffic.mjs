// Calls of every method, one after the other in each lane.
import { setTimeout as sleep } from 'node:timers/promises'
import { CALL_ID, METHODS, ONCE } from './contract.mjs'

const STREAM_MAX = 200
/** Longer than any stream of the others: the kill finds it running. */
const ENDLESS = Number.MAX_SAFE_INTEGER
const ENDLESS_OF = 3
const DELAY_MS_MAX = 4
/** Of a call with one answer: so long that a kill finds its handler waiting, and without an end for two calls at a time. */
const LONG_DELAY_MS = 50
const LONG_OF = 4
const ENDLESS_DELAY_MS = 600_000
const ENDLESS_AT_ONCE = 2
const MESSAGES_PER_WAIT = 8
const LARGE_BYTES = 40_000
const LARGE_OF = 64
const SLOW_OF = 4
/** Never reached: a timer that outlives its call is found at the end. */
const TIMEOUT_MS = 120_000
/** Node.js keeps one object for each duration of a timer until it has passed. */
const TIMEOUT_OF = 8
const PAUSE_MS = 5

/** The calls of one client. `outcomes` gets one entry for each call that has ended. */
export class Traffic {
  outcomes = []
  /** The calls that have not ended, with the function that cancels each. */
  pending = new Map()
  /** Loops over the messages of this side that have not ended. */
  sending = new Set()
  #functions
  #errorOf
  #prefix
  #bits
  #begun = 0
  #lanes = Promise.resolve()
  #stopped = true
  #endless
  /** Calls with one answer that do not end by themselves. An idempotent one would be repeated with the next service. */
  #waiting = 0

  /** `functions` has one for each method; `errorOf` returns what is compared of an error. The ids of the calls begin with `prefix`. */
  constructor(functions, errorOf, prefix, bits, endless = true) {
    this.#functions = functions
    this.#errorOf = errorOf
    this.#prefix = prefix
    this.#bits = bits
    this.#endless = endless
  }

  /** Makes calls in each lane until `stop`, also after failures. */
  start(lanes) {
    this.#stopped = false
    this.#lanes = Promise.all(
      Array.from({ length: lanes }, (_, index) => this.#lane(METHODS[index % METHODS.length])),
    )
  }

  /** From now on, each call ends by itself, so those that wait for the next process end too. */
  limit() {
    const had = this.#endless
    this.#endless = false
    return () => {
      this.#endless = had
    }
  }

  /** Begins many calls at once, so that some wait for a stream of HTTP/2. Their outcomes are among the others. */
  burst(count) {
    for (let index = 0; index < count; index += 1) void this.call(ONCE, { stopsAt: 1 })
  }

  /** Resolves when the calls that are pending now have ended. */
  ended() {
    return Promise.all([...this.pending.values()].map(({ end }) => end))
  }

  /** Repeats one short call of each method until it succeeds. */
  async recover() {
    await Promise.all(
      METHODS.map(async (method) => {
        while ((await this.call(method, { stopsAt: 3 })).error !== undefined) await sleep(PAUSE_MS)
      }),
    )
  }

  /** Ends the lanes and cancels the calls that are pending. Resolves when they have ended. */
  async stop() {
    this.#stopped = true
    for (const { cancel } of this.pending.values()) cancel()
    await Promise.all([this.#lanes, this.ended()])
  }

  /** Makes one call. Resolves to its outcome. */
  call(method, { stopsAt } = {}) {
    this.#begun += 1
    const outcome = { id: `${this.#prefix}${method}.${this.#begun}`, method, cancelled: false }
    const controller = new AbortController()
    const cancel = () => {
      outcome.cancelled = true
      controller.abort()
    }
    const options = {
      metadata: { [CALL_ID]: outcome.id },
      signal: controller.signal,
      timeoutMs: this.#bits() % TIMEOUT_OF === 0 ? TIMEOUT_MS : Number.POSITIVE_INFINITY,
    }
    const end = this.#outcome(outcome, stopsAt, options)
    this.pending.set(outcome.id, { cancel, end })
    return end
  }

  async #outcome(outcome, stopsAt, options) {
    const bits = this.#bits
    const count = stopsAt ?? (this.#endless && bits() % ENDLESS_OF === 0 ? ENDLESS : bits() % STREAM_MAX)
    const delayMs = bits() % DELAY_MS_MAX
    const isEndless = stopsAt === undefined && this.#endless && this.#waiting < ENDLESS_AT_ONCE
    const isWaiting = isEndless && outcome.method === ONCE
    if (isWaiting) this.#waiting += 1
    const parts = {
      count,
      waitMs: isWaiting ? ENDLESS_DELAY_MS : bits() % LONG_OF === 0 ? LONG_DELAY_MS : delayMs,
      // Endless streams without a pause would starve the other calls.
      delayMs: count === ENDLESS ? 1 + delayMs : delayMs,
      slow: bits() % SLOW_OF === 0,
      bits,
      sending: this.sending,
    }
    try {
      const fault = await CALL[outcome.method](this.#functions, parts, options)
      if (fault !== undefined) outcome.fault = fault
    } catch (error) {
      outcome.error = this.#errorOf(error)
    }
    if (isWaiting) this.#waiting -= 1
    this.pending.delete(outcome.id)
    this.outcomes.push(outcome)
    return outcome
  }

  async #lane(method) {
    while (!this.#stopped) {
      const { error } = await this.call(method)
      if (error !== undefined) await sleep(PAUSE_MS)
    }
  }
}

/** Each resolves to the difference between the answer and the right one, if there is one. */
const CALL = {
  async getUser(functions, { bits, waitMs }, options) {
    const id = BigInt(bits())
    const { user } = await functions.getUser({ id, account: String(waitMs) }, options)
    return differs(user.id, id)
  },

  async putUser(functions, { bits, waitMs }, options) {
    await functions.putUser({ id: BigInt(bits()), age: waitMs }, options)
    return undefined
  },

  async createUser(functions, { bits, waitMs }, options) {
    const id = BigInt(bits())
    const { user } = await functions.createUser({ user: { id, age: waitMs } }, options)
    return differs(user.id, id)
  },

  async streamUsers(functions, { count, delayMs, slow }, options) {
    const request = { id: BigInt(count), account: String(delayMs) }
    return differs(await countInOrder(functions.streamUsers(request, options), slow), count)
  },

  async upload(functions, parts, options) {
    const { count } = parts
    const { user } = await functions.upload(users(parts), options)
    return differs(Number(user.id), (count * (count - 1)) / 2)
  },

  async chat(functions, parts, options) {
    return differs(await countInOrder(functions.chat(users(parts), options), parts.slow), parts.count)
  },
}

/** The messages of this side. */
async function* users({ count, delayMs, bits, sending }) {
  const own = {}
  sending.add(own)
  try {
    for (let number = 0; number < count; number += 1) {
      if (delayMs > 0 && number % MESSAGES_PER_WAIT === 7) await sleep(delayMs)
      yield bits() % LARGE_OF === 0
        ? { id: BigInt(number), avatar: new Uint8Array(LARGE_BYTES) }
        : { id: BigInt(number) }
    }
  } finally {
    sending.delete(own)
  }
}

async function countInOrder(messages, slow) {
  let count = 0
  for await (const { id } of messages) {
    if (Number(id) !== count) return `message ${id} in the place of ${count}`
    count += 1
    if (slow && count % MESSAGES_PER_WAIT === 0) await sleep(1)
  }
  return count
}

function differs(actual, expected) {
  return actual === expected ? undefined : `${actual} instead of ${expected}`
}
