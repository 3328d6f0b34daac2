// Which calls were executed, and what was reported of them.
import { readFileSync } from 'node:fs'

const GONE = 'ERR_SHMWIRE_PEER_GONE'
/** Of a call that begins when the channel has ended. */
const ABSENT = 'ERR_SHMWIRE_UNAVAILABLE'
const ATTEMPTS_MAX = 3

/** How often each call was executed, in all victims. */
export class Ledger {
  #counts = new Map()

  /** Adds the executions of a victim, which has ended. */
  read(file) {
    const ids = readFileSync(file, 'utf8').split('\n')
    // The last line has no end if the process was killed while it wrote: then its handler did not begin to work.
    ids.pop()
    for (const id of ids) this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1)
  }

  /** Checks calls that have ended, and forgets them. */
  faultsOf(outcomes, tally) {
    const faults = []
    for (const { id, kind, error, fault } of outcomes) {
      const count = this.#counts.get(id) ?? 0
      this.#counts.delete(id)
      const most = kind === 'again' ? ATTEMPTS_MAX : 1
      if (fault !== undefined) faults.push(`${kind} ${id} answered ${fault}`)
      if (count > most) faults.push(`${kind} ${id} was executed ${count} times`)
      if (error === undefined) {
        tally.answered += 1
        if (count === 0) faults.push(`${kind} ${id} has an answer and was not executed`)
      } else faults.push(...faultsOfError(kind, id, error, count, tally))
    }
    return faults
  }
}

function faultsOfError(kind, id, error, count, tally) {
  const { code, status, executed } = error
  tally[executed] = (tally[executed] ?? 0) + 1
  if (status !== 'UNAVAILABLE' || (code !== GONE && code !== ABSENT))
    return [`${kind} ${id} failed with ${error.stack}`]
  if (executed !== 'no' && executed !== 'unknown') return [`${kind} ${id}: executed is ${executed}`]
  if (executed === 'no' && count > 0) return [`${kind} ${id} was executed, and reported as executed: 'no'`]
  return []
}
