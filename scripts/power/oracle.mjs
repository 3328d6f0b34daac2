import { apply, difference } from '../../test/process/children/power/stored-model.mjs'

/** Follows the marks of store-writer.mjs, and knows what a store may have after each of them. */
export class Oracle {
  #model
  /** Calls that have begun, and whose end is not known: any number of them, in their order, may be in the store. */
  #open = []
  #rest = ''
  acknowledged = 0

  /** `model` has the contents before the first mark. */
  constructor(model) {
    this.#model = model
  }

  /** Adds bytes of the file of the marks. */
  read(bytes) {
    const lines = (this.#rest + bytes.toString()).split('\n')
    this.#rest = lines.pop()
    for (const line of lines) this.#mark(JSON.parse(line))
  }

  /** Undefined if the contents are possible, otherwise the reason. */
  fault(contents) {
    const model = copyOf(this.#model)
    const faults = [difference(model, contents)]
    for (const { call } of this.#open) {
      if (faults.at(-1) === undefined) return undefined
      for (const change of call) apply(model, change)
      faults.push(difference(model, contents))
    }
    return faults.at(-1) === undefined ? undefined : `no possible state: ${faults.join(' / ')}`
  }

  #mark({ begun, call, acknowledged }) {
    if (begun !== undefined) this.#open.push({ begun, call })
    else {
      this.acknowledged += 1
      // Calls are committed in their order, so those before it are in the store too.
      while (this.#open.length > 0 && this.#open[0].begun <= acknowledged)
        for (const change of this.#open.shift().call) apply(this.#model, change)
    }
  }
}

function copyOf({ jobs, seen, sequenceMax }) {
  const copied = new Map([...jobs].map(([sequence, job]) => [sequence, { ...job }]))
  return { jobs: copied, seen: new Map(seen), sequenceMax }
}
