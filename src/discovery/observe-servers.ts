import { parseAddress } from '../address.js'
import { retryWhileQueueIsFull } from '../control/full-queue.js'
import { requestSnapshot } from '../control/request-snapshot.js'
import { checkServerPlace } from '../control/runtime-directory.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import type { Snapshot } from '../observe/figures.js'
import { misuse } from '../options.js'
import { type DiscoveryOptions, listNames, type Place, resolvePlace } from './place.js'

/** Each answer has up to 1 MiB. */
const ASKED_AT_ONCE = 16

/** A server that was asked for the counters of its process. */
export interface ServerAnswer {
  readonly address: string
  /** Undefined: see `error`. */
  readonly snapshot: Snapshot | undefined
  readonly error: ShmwireError | undefined
}

interface Asked {
  readonly address: string
  readonly path: string
}

/** Asks for the counters of processes, again and again. */
export class ServerObserver {
  readonly #place: Place
  readonly #fixed: readonly Asked[] | undefined

  /**
   * @param addresses of the servers to ask; none: those of the directory that answer
   * @throws `INVALID_ARGUMENT`, `DENIED`, `UNAVAILABLE`
   */
  constructor(addresses: readonly string[], options: DiscoveryOptions = {}) {
    this.#place = resolvePlace(options)
    this.#fixed = addresses.length === 0 ? undefined : addresses.map(askedAt)
  }

  /** Rejects with `DENIED`, `UNAVAILABLE`, `OUT_OF_MEMORY`. A dead server of the directory has no answer. */
  async ask(signal?: AbortSignal): Promise<ServerAnswer[]> {
    const asked = this.#fixed ?? listNames(this.#place)
    const answers = new Map<Asked, ServerAnswer>()
    const rest = asked.values()
    const askRest = async (): Promise<void> => {
      // All loops share the iterator.
      for (const one of rest) if (signal?.aborted !== true) answers.set(one, await this.#askOne(one, signal))
    }
    await Promise.all(Array.from({ length: ASKED_AT_ONCE }, askRest))
    const all = asked.flatMap((one) => answers.get(one) ?? [])
    if (this.#fixed !== undefined) return all
    return all.filter(({ error }) => error?.code !== ErrorCode.NOT_LISTENING)
  }

  async #askOne({ address, path }: Asked, signal: AbortSignal | undefined): Promise<ServerAnswer> {
    const { settings, native, answerTimeoutMs } = this.#place
    try {
      const { snapshot } = await retryWhileQueueIsFull(
        path,
        { signal, timeoutMs: answerTimeoutMs },
        (timeoutMs) => requestSnapshot(path, { settings, native, signal, timeoutMs }),
      )
      return { address, snapshot, error: undefined }
    } catch (error) {
      // The answer would lack servers that are alive.
      if (!(error instanceof ShmwireError) || error.code === ErrorCode.OUT_OF_MEMORY) throw error
      return { address, snapshot: undefined, error }
    }
  }
}

/** The snapshots of the answers, one for each thread: all servers of a thread answer with the same one. */
export function snapshotsOf(answers: readonly ServerAnswer[]): Snapshot[] {
  const byId = new Map<string, Snapshot>()
  for (const { snapshot } of answers) if (snapshot !== undefined) byId.set(snapshot.id, snapshot)
  return [...byId.values()]
}

function askedAt(text: string): Asked {
  const target = parseAddress(text)
  if (target.kind !== 'unix')
    throw misuse(
      `counters are read on this machine only: ${text} is not a plain name or 'unix:' and a path; use the endpoint /metrics of a gateway`,
    )
  checkServerPlace(target)
  return { address: target.text, path: target.path }
}
