import { channelEnd } from './channel-end.js'
import { ChannelFixture, type ChannelImplementation } from './channel-fixture.js'
import { channelFlow } from './channel-flow.js'
import { channelMessages } from './channel-messages.js'
import { channelRequests } from './channel-requests.js'
import { channelSoak } from './channel-soak.js'

/** Everything that the channel promises, whatever its link. */
export function channelSuite(implementation: ChannelImplementation): void {
  const fixture = new ChannelFixture(implementation)
  channelMessages(fixture)
  channelFlow(fixture)
  channelRequests(fixture)
  channelEnd(fixture)
  channelSoak(fixture)
}
