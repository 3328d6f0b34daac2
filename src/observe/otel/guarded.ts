import { diag } from '@opentelemetry/api'
import { textOfThrown } from '../../uncaught.js'

/**
 * Runs code of the SDK, such as a sampler, a propagator or a span processor of the program. Its error goes to `diag`, and is not an uncaught
 * exception of the operation that is observed. Undefined: it has failed.
 */
export function guarded<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    diag.error(`shmwire: an operation is not traced: ${textOfThrown(error)}`)
    return undefined
  }
}
