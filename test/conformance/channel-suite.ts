import { callSuite } from './call-suite.js'
import { channelActions } from './channel-actions.js'
import { channelCallbacks } from './channel-callbacks.js'
import { channelCancel } from './channel-cancel.js'
import { channelClaims } from './channel-claims.js'
import { channelCork } from './channel-cork.js'
import { channelDiagnostics } from './channel-diagnostics.js'
import { channelEncoded } from './channel-encoded.js'
import { channelEnd } from './channel-end.js'
import { ChannelFixture, type ChannelImplementation } from './channel-fixture.js'
import { channelFlow } from './channel-flow.js'
import { channelHalfClose } from './channel-half-close.js'
import { channelMessages } from './channel-messages.js'
import { channelNotes } from './channel-notes.js'
import { channelOrder } from './channel-order.js'
import { channelProgress } from './channel-progress.js'
import { channelRequests } from './channel-requests.js'
import { channelSoak } from './channel-soak.js'
import { channelTurns } from './channel-turns.js'
import { channelValues } from './channel-values.js'
import { channelViews } from './channel-views.js'

/** The whole contract of a channel, for any link. */
export function channelSuite(implementation: ChannelImplementation): void {
  const fixture = new ChannelFixture(implementation)
  channelMessages(fixture)
  channelValues(fixture)
  channelNotes(fixture)
  channelFlow(fixture)
  channelTurns(fixture)
  channelRequests(fixture)
  channelCancel(fixture)
  channelClaims(fixture)
  channelCork(fixture)
  channelEncoded(fixture)
  if (implementation.views) channelViews(fixture)
  channelCallbacks(fixture)
  channelActions(fixture)
  channelEnd(fixture)
  channelHalfClose(fixture)
  channelProgress(fixture)
  channelOrder(fixture)
  channelDiagnostics(fixture)
  channelSoak(fixture)
  callSuite(fixture)
}
