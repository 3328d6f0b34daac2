/** Ids that are pushed again, of those that were acknowledged before. */
const REPEATED = 3

/** Follows the marks of stored-queue.mjs, and knows which jobs a store must have. */
export class JobOracle {
  /** By id: whether a push was acknowledged, and how often the job ran. */
  #jobs = new Map()
  #faults = []
  acknowledged = 0
  runs = 0

  /** Reads the marks of one process. The last line can be cut. */
  read(text) {
    const lines = text.split('\n')
    lines.pop()
    for (const line of lines) this.#mark(JSON.parse(line))
  }

  /** Pushes whose end is not known, and some that must be duplicates. */
  idsToRepeat(bits) {
    const all = [...this.#jobs]
    const open = all.filter(([, { pushed }]) => !pushed)
    const known = all.filter(([, { pushed }]) => pushed)
    const some =
      known.length === 0 ? [] : Array.from({ length: REPEATED }, () => known[bits() % known.length])
    return [...new Set([...open, ...some].map(([id]) => id))]
  }

  /** The faults of the store of a process that was killed. */
  faults({ jobs, seen }) {
    const faults = this.#faults.splice(0)
    const inStore = new Set()
    for (const { id } of jobs) {
      if (inStore.has(id)) faults.push(`${id} is there twice`)
      if (!this.#jobs.has(id)) faults.push(`${id} was never pushed`)
      inStore.add(id)
    }
    const known = new Set(seen.map(({ id }) => id))
    for (const [id, { pushed, runs }] of this.#jobs) {
      if (!pushed) continue
      if (runs === 0 && !inStore.has(id)) faults.push(`${id} was acknowledged and is lost`)
      if (!known.has(id)) faults.push(`the id ${id} is forgotten`)
    }
    return faults
  }

  /** Acknowledged jobs that no worker has run. */
  notRun() {
    const ids = [...this.#jobs].filter(([, { pushed, runs }]) => pushed && runs === 0)
    return ids.map(([id]) => `${id} was acknowledged and never ran`)
  }

  #mark({ type, id, duplicate }) {
    const job = this.#jobs.get(id)
    if (type === 'begun') {
      if (job === undefined) this.#jobs.set(id, { pushed: false, runs: 0 })
    } else if (type === 'ran') {
      job.runs += 1
      this.runs += 1
    } else {
      if (job.pushed && !duplicate) this.#faults.push(`${id} was pushed twice within the window`)
      if (!job.pushed) this.acknowledged += 1
      job.pushed = true
    }
  }
}
