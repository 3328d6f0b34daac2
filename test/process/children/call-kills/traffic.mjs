// Calls of every kind, one after the other in each lane.
import { CALL_ID, KINDS } from './service.mjs'

const STREAM_MAX = 200
/** Longer than any stream of the others: the end of the peer finds it running. */
const ENDLESS = Number.MAX_SAFE_INTEGER
const ENDLESS_OF = 4
const DELAY_MS_MAX = 4

/** The calls of one client. `outcomes` gets one entry for each call that has ended. */
export class Traffic {
  outcomes = []
  begun = 0
  /** The iterations over the messages of a call that have not ended. */
  iterating = new Set()
  #service
  #prefix
  #bits
  #signal
  #stopped = false

  /** The ids of its calls begin with `prefix`. */
  constructor(service, prefix, bits, signal) {
    this.#service = service
    this.#prefix = prefix
    this.#bits = bits
    this.#signal = signal
  }

  /** Makes calls until one fails, in each lane. Resolves when every lane has ended. */
  start(lanes, kinds = KINDS) {
    return Promise.all(Array.from({ length: lanes }, (_, index) => this.#lane(kinds[index % kinds.length])))
  }

  /** Makes one call after the other, also after failures, until `stop`. */
  async persist(kind) {
    while (!this.#stopped) await this.call(kind)
  }

  /** Begins many calls at once, so that some of them wait for a slot or for room. Resolves when all have ended. */
  burst(count, bytes) {
    const padding = 'x'.repeat(bytes)
    return Promise.all(Array.from({ length: count }, () => this.call('one', { padding })))
  }

  stop() {
    this.#stopped = true
  }

  /** Makes one call. Resolves to its outcome, and never rejects. */
  async call(kind, parts = {}) {
    this.begun += 1
    const id = `${this.#prefix}${this.begun}`
    const options = { metadata: { [CALL_ID]: id }, timeoutMs: Number.POSITIVE_INFINITY }
    if (this.#bits() % 2 === 0) options.signal = this.#signal
    const outcome = { id, kind, error: undefined, fault: undefined }
    try {
      outcome.fault = await CALL[kind](
        this.#service,
        { bits: this.#bits, iterating: this.iterating, parts },
        options,
      )
    } catch (error) {
      outcome.error = error
    }
    this.outcomes.push(outcome)
    return outcome
  }

  async #lane(kind) {
    for (;;) {
      const { error } = await this.call(kind)
      if (error !== undefined) return
    }
  }
}

/** Each resolves to the difference between the answer and the right one, if there is one. */
const CALL = {
  async one(service, random, options) {
    const request = requestOf(random)
    return differs(await service.one(request, options), request.number)
  },

  async again(service, random, options) {
    const request = requestOf(random)
    return differs(await service.again(request, options), request.number)
  },

  async down(service, { bits }, options) {
    const request = { count: countOf(bits), delayMs: delayOf(bits) }
    const received = await countInOrder(service.down(request, options))
    return differs(received, request.count)
  },

  async up(service, { bits, iterating }, options) {
    const count = countOf(bits)
    return differs(await service.up(numbers(count, iterating), options), (count * (count - 1)) / 2)
  },

  async both(service, { bits, iterating }, options) {
    const count = countOf(bits)
    return differs(await countInOrder(service.both(numbers(count, iterating), options)), count)
  },
}

function requestOf({ bits, parts }) {
  return { number: bits(), delayMs: delayOf(bits), ...parts }
}

function countOf(bits) {
  return bits() % ENDLESS_OF === 0 ? ENDLESS : bits() % STREAM_MAX
}

function delayOf(bits) {
  return bits() % 2 === 0 ? 0 : bits() % DELAY_MS_MAX
}

/** The messages of a caller. */
async function* numbers(count, iterating) {
  const own = {}
  iterating.add(own)
  try {
    for (let number = 0; number < count; number += 1) yield { number }
  } finally {
    iterating.delete(own)
  }
}

async function countInOrder(messages) {
  let count = 0
  for await (const { number } of messages) {
    if (number !== count) throw new Error(`message ${number} in the place of ${count}`)
    count += 1
  }
  return count
}

function differs(actual, expected) {
  return actual === expected ? undefined : `${actual} instead of ${expected}`
}
