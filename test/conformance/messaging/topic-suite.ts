import { describe } from 'vitest'
import { topicDelivery } from './topic-delivery.js'
import { topicDiagnostics } from './topic-diagnostics.js'
import type { TopicFixture } from './topic-fixture.js'
import { topicJoins } from './topic-joins.js'
import { topicOverflow } from './topic-overflow.js'
import { topicPublishers } from './topic-publishers.js'
import { topicTracing } from './topic-tracing.js'

/** The guarantees of topics, for each way to reach them. */
export function topicSuite(fixture: TopicFixture): void {
  describe(`topics over ${fixture.name}`, () => {
    topicDelivery(fixture)
    topicJoins(fixture)
    topicDiagnostics(fixture)
    topicTracing(fixture)
    if (fixture.engine !== undefined) return
    topicOverflow(fixture)
    topicPublishers(fixture)
  })
}
