// The service of both sides. A handler reports that it begins, then answers, and is ended by the death of its caller.
import { setTimeout as sleep } from 'node:timers/promises'
import { tracked, trackedStream } from '../tracked-handlers.mjs'

export const CALL_ID = 'call-id'

const ANY = { parse: (value) => value }

function method(kind, idempotent = false) {
  return { kind, input: ANY, output: ANY, safe: false, idempotent }
}

export const CONTRACT = {
  name: 'killed',
  hash: '0000000000000000',
  methods: {
    one: method('unary'),
    again: method('unary', true),
    down: method('serverStream'),
    up: method('clientStream'),
    both: method('bidi'),
  },
}

export const KINDS = Object.keys(CONTRACT.methods)

/** Handlers that count themselves. `onBegin` gets the id of each call, before its handler does anything else. */
export class Handlers {
  /** Handlers that have begun and not ended. */
  running = 0
  ended = 0
  /** Handlers that ended early although their signal had not fired. */
  unsignalled = 0
  #onBegin

  constructor(onBegin) {
    this.#onBegin = onBegin
  }

  one(request, context) {
    return this.#run(context, async () => {
      if (request.delayMs > 0) await sleep(request.delayMs, undefined, { signal: context.signal })
      return request.number
    })
  }

  again(request, context) {
    return this.one(request, context)
  }

  up(messages, context) {
    return this.#run(context, async () => {
      let sum = 0
      for await (const { number } of messages) sum += number
      return sum
    })
  }

  down(request, context) {
    return trackedStream(() => this.#begin(context), counted(request, context))
  }

  both(messages, context) {
    return trackedStream(() => this.#begin(context), messages)
  }

  #run(context, body) {
    return tracked(() => this.#begin(context), body)
  }

  #begin(context) {
    this.#onBegin(context.metadata.text(CALL_ID))
    this.running += 1
    return (finished) => {
      this.running -= 1
      this.ended += 1
      if (!finished && !context.signal.aborted) this.unsignalled += 1
    }
  }
}

async function* counted({ count, delayMs }, { signal }) {
  for (let number = 0; number < count; number += 1) {
    if (delayMs > 0 && number % 8 === 7) await sleep(delayMs, undefined, { signal })
    yield { number }
  }
}
