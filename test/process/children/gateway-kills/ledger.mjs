// Which calls were executed, and what was reported of them.
import { readFileSync } from 'node:fs'
import { IDEMPOTENT } from './contract.mjs'

/** Of a client of @grpc/grpc-js, which does not repeat a call that a server may have seen. */
const GATEWAY_ATTEMPTS = 3
/** Of a client of shmwire, which has as many attempts itself. */
const ATTEMPTS = 9
/** The text of the gateway while its service is away. */
const SERVICE_AWAY = 'the service is not available; call again later'
/** grpc-js, which has such texts of its own, and grpcService, which adds what it knows. */
const NO_GATEWAY = [
  /^No connection established/,
  /^Connection dropped/,
  /^read E/,
  /^write E/,
  /^connect E/,
  /^the connection to [\d.:]+ ended during /,
  /^there is no connection to [\d.:]+: /,
]

/** The errors that calls can end with when a process of this role is killed. */
const EXPECTED = {
  service: (text) => text === SERVICE_AWAY,
  gateway: (text) => NO_GATEWAY.some((pattern) => pattern.test(text)),
}

/** How often each call was executed. Each round ends with all processes at rest. */
export class Ledger {
  #counts = new Map()
  /** Calls of this round and of the one before that were reported as not executed. */
  #denied = [new Set(), new Set()]
  #offset = 0

  /** Adds the executions of the service since the last time. */
  read(file) {
    const bytes = readFileSync(file)
    // The last line has no end if the process was killed while it wrote: then its handler did not begin to work.
    const end = bytes.lastIndexOf(10) + 1
    const ids = bytes.toString('latin1', this.#offset, end).split('\n')
    this.#offset = end
    ids.pop()
    for (const id of ids) this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1)
    return ids
      .filter((id) => this.#denied.some((denied) => denied.has(id)))
      .map((id) => `${id} was executed, after executed: 'no' was reported`)
  }

  /** A new service begins a new file. */
  begin() {
    this.#offset = 0
  }

  /** Checks calls that have ended, and forgets their executions. */
  faultsOf(outcomes, client, victim, tally) {
    return outcomes.flatMap((outcome) => {
      const { id, error } = outcome
      const text = faultOf(outcome, this.#counts.get(id) ?? 0, client, victim, tally)
      tally.executed += this.#counts.get(id) ?? 0
      this.#counts.delete(id)
      if (error?.executed === 'no') this.#denied[0].add(id)
      return text === undefined ? [] : [`${client}, ${id}: ${text}`]
    })
  }

  /** The other executions must be those of a client that was killed: the ids of its calls begin with `prefix`. */
  endRound(prefix) {
    const faults = [...this.#counts].flatMap(([id, count]) => {
      if (!id.startsWith(prefix)) return [`${id} was executed, and has no outcome in this round`]
      return count > executionsMax(methodOf(id), ATTEMPTS) ? [`${id} was executed ${count} times`] : []
    })
    this.#counts.clear()
    this.#denied = [new Set(), this.#denied[0]]
    return faults
  }
}

/** An id is the prefix of its client, the name of its method, and a number. */
function methodOf(id) {
  return id.split('.').at(-2)
}

function executionsMax(method, attempts) {
  return IDEMPOTENT.has(method) ? attempts : 1
}

/** The fault of a call, if there is one. */
function faultOf({ method, cancelled, error, fault }, count, client, victim, tally) {
  const attempts = client === 'grpc-js client' ? GATEWAY_ATTEMPTS : ATTEMPTS
  if (fault !== undefined) return fault
  if (count > executionsMax(method, attempts)) return `executed ${count} times`
  if (error === undefined) {
    tally.answered += 1
    return count === 0 ? 'has an answer and was not executed' : undefined
  }
  const { status, text, executed } = error
  if (executed === 'no' && count > 0) return `executed, and reported as executed: 'no'`
  if (cancelled && status === 'CANCELLED') {
    tally.cancelled += 1
    return undefined
  }
  if (executed === 'no') tally.no += 1
  tally.unavailable += 1
  const isExpected = EXPECTED[victim]?.(text) === true
  return status === 'UNAVAILABLE' && isExpected ? undefined : `failed with ${JSON.stringify(error)}`
}
