import { describe } from 'vitest'
import { queueBounds } from './queue-bounds.js'
import { queueDiagnostics } from './queue-diagnostics.js'
import { QueueFixture, type QueueImplementation } from './queue-fixture.js'
import { queueLeases } from './queue-leases.js'
import { queueReplies } from './queue-replies.js'
import { queueRetries } from './queue-retries.js'
import { queueRuns } from './queue-runs.js'
import { queueTracing } from './queue-tracing.js'

/** Tests of everything that a queue guarantees, for any engine and link. */
export function queueSuite(implementation: QueueImplementation): void {
  describe(`queue over ${implementation.name}`, () => {
    const fixture = new QueueFixture(implementation)
    queueRuns(fixture)
    queueRetries(fixture)
    queueLeases(fixture)
    queueBounds(fixture)
    queueReplies(fixture)
    queueDiagnostics(fixture)
    queueTracing(fixture)
  })
}
