import type { ServerInfo } from './server-info.js'
import type { Answer } from './watched-server.js'

/** One step of a loop over a watcher. */
export interface ServerChange {
  readonly type: 'up' | 'change' | 'down'
  /** With `'down'`: as it was last. */
  readonly server: ServerInfo
}

/** The latest state of a watcher, and its loops. */
export class ServerChanges {
  /** By address. */
  readonly #answers = new Map<string, Answer>()
  readonly #loops = new Set<{ readonly notify: (address: string) => void; readonly end: () => void }>()
  #end: { readonly error: Error | undefined } | undefined

  get servers(): ServerInfo[] {
    return [...this.#answers.values()].map(({ info }) => info)
  }

  /** Returns the steps from the last answer of the address to this one. */
  set(address: string, answer: Answer | undefined): ServerChange[] {
    const changes = changesBetween(this.#answers.get(address), answer)
    if (answer === undefined) this.#answers.delete(address)
    else this.#answers.set(address, answer)
    if (changes.length > 0) for (const { notify } of this.#loops) notify(address)
    return changes
  }

  end(error?: Error): void {
    this.#end = { error }
    for (const { end } of this.#loops) end()
  }

  /**
   * Yields the present servers and then each change. A slow loop gets fewer steps and not more memory: it compares the latest state with
   * what it has yielded.
   */
  async *iterate(): AsyncGenerator<ServerChange, undefined> {
    const yielded = new Map<string, Answer>()
    const pending = new Set(this.#end === undefined ? this.#answers.keys() : [])
    let wake = (): void => {}
    const loop = {
      notify: (address: string) => {
        pending.add(address)
        wake()
      },
      end: () => wake(),
    }
    this.#loops.add(loop)
    try {
      for (;;) {
        // Also visits what is added meanwhile.
        for (const address of pending) {
          pending.delete(address)
          const answer = this.#answers.get(address)
          const changes = changesBetween(yielded.get(address), answer)
          if (answer === undefined) yielded.delete(address)
          else yielded.set(address, answer)
          yield* changes
        }
        if (this.#end?.error !== undefined) throw this.#end.error
        if (this.#end !== undefined) return undefined
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    } finally {
      this.#loops.delete(loop)
    }
  }
}

function changesBetween(before: Answer | undefined, after: Answer | undefined): ServerChange[] {
  if (before?.id === after?.id) {
    if (before === undefined || after === undefined || isSame(before, after)) return []
    return [{ type: 'change', server: after.info }]
  }
  const changes: ServerChange[] = []
  if (before !== undefined) changes.push({ type: 'down', server: before.info })
  if (after !== undefined) changes.push({ type: 'up', server: after.info })
  return changes
}

function isSame(before: Answer, after: Answer): boolean {
  return JSON.stringify(before.info) === JSON.stringify(after.info)
}
