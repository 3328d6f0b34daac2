import { callCancel } from './calls-cancel.js'
import { callClose } from './calls-close.js'
import { callDeadlines } from './calls-deadlines.js'
import { callDiagnostics } from './calls-diagnostics.js'
import { callErrors } from './calls-errors.js'
import { callFlow } from './calls-flow.js'
import { callInterceptorContext } from './calls-interceptor-context.js'
import { callInterceptors } from './calls-interceptors.js'
import { callKinds } from './calls-kinds.js'
import { callMany } from './calls-many.js'
import { callMetadata } from './calls-metadata.js'
import { callResilience } from './calls-resilience.js'
import { callTraceContext } from './calls-trace-context.js'
import { callTracing } from './calls-tracing.js'
import { callValidation } from './calls-validation.js'
import { callValues } from './calls-values.js'
import type { ChannelFixture } from './channel-fixture.js'

/** Calls of services over a channel, for any link. */
export function callSuite(fixture: ChannelFixture): void {
  callKinds(fixture)
  callValues(fixture)
  callMany(fixture)
  callDeadlines(fixture)
  callCancel(fixture)
  callFlow(fixture)
  callMetadata(fixture)
  callErrors(fixture)
  callValidation(fixture)
  callInterceptors(fixture)
  callInterceptorContext(fixture)
  callDiagnostics(fixture)
  callTraceContext(fixture)
  callTracing(fixture)
  callClose(fixture)
  callResilience(fixture)
}
