// Handlers that report that they begin, and count how they end.
import { setTimeout as sleep } from 'node:timers/promises'
import { tracked, trackedStream } from '../tracked-handlers.mjs'
import { CALL_ID } from './contract.mjs'

/** A stream waits after so many messages. */
const MESSAGES_PER_WAIT = 8

/** `onBegin` gets the id of each call, before its handler does anything else. */
export class Handlers {
  /** The handlers that have begun and not ended, with the ids of their calls. */
  running = new Map()
  /** Handlers that ended early, because their call had ended: their number for each reason of their signals. */
  cancelled = {}
  #onBegin
  #onEnd = new Set()

  constructor(onBegin) {
    this.#onBegin = onBegin
  }

  /** Resolves when the handlers of the calls for which `affects` returns true have ended. */
  async ended(affects) {
    const affected = [...this.running].filter(([, id]) => affects(id)).map(([handler]) => handler)
    while (affected.some((handler) => this.running.has(handler)))
      await new Promise((resolve) => {
        this.#onEnd.add(resolve)
      })
    return affected.length
  }

  getUser({ id, account }, context) {
    return this.#run(context, async () => {
      await wait(Number(account), context)
      return { user: { id } }
    })
  }

  putUser({ age }, context) {
    return this.#run(context, async () => {
      await wait(age, context)
      return {}
    })
  }

  createUser({ user }, context) {
    return this.#run(context, async () => {
      await wait(user.age, context)
      return { user: { id: user.id } }
    })
  }

  upload(users, context) {
    return this.#run(context, async () => {
      let sum = 0n
      for await (const { id } of users) sum += id
      return { user: { id: sum } }
    })
  }

  streamUsers(request, context) {
    return trackedStream(() => this.#begin(context), numbered(request, context))
  }

  chat(users, context) {
    return trackedStream(() => this.#begin(context), users)
  }

  #run(context, body) {
    return tracked(() => this.#begin(context), body)
  }

  #begin({ metadata, signal }) {
    const id = metadata.text(CALL_ID)
    // A retry can begin before the handler of an earlier attempt has ended.
    const handler = {}
    this.#onBegin(id)
    this.running.set(handler, id)
    return (finished) => {
      this.running.delete(handler)
      if (!finished) this.#count(signal.aborted ? signal.reason.code : 'no signal')
      for (const resolve of this.#onEnd) resolve()
      this.#onEnd.clear()
    }
  }

  #count(reason) {
    this.cancelled[reason] = (this.cancelled[reason] ?? 0) + 1
  }
}

async function wait(ms, { signal }) {
  if (ms > 0) await sleep(ms, undefined, { signal })
}

async function* numbered({ id, account }, context) {
  for (let number = 0n; number < id; number += 1n) {
    if (number % BigInt(MESSAGES_PER_WAIT) === 7n) await wait(Number(account), context)
    yield { id: number, avatar: new Uint8Array(Number(number % 512n)) }
  }
}
