import { linkEndAndCounters } from './link-end-and-counters.js'
import { LinkFixture, type LinkImplementation } from './link-fixture.js'
import { linkFlow } from './link-flow.js'
import { linkRecords } from './link-records.js'
import { linkSoak } from './link-soak.js'

/** The whole contract of src/link/link.ts. */
export function linkSuite(implementation: LinkImplementation): void {
  const fixture = new LinkFixture(implementation)
  linkRecords(fixture)
  linkFlow(fixture)
  linkEndAndCounters(fixture)
  linkSoak(fixture)
}
