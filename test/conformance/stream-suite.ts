import type { StreamTransport } from '../../src/transport.js'
import type { JoinChannels } from '../support/channel-pairs.js'
import { joinLinksOver } from '../support/link-pairs.js'
import type { JoinStreams } from '../support/stream-pairs.js'
import { channelSuite } from './channel-suite.js'
import { linkSuite } from './link-suite.js'

/** The whole contract of a link and of its channels, for a link over a stream of bytes. */
export function streamSuite(
  name: string,
  transport: StreamTransport,
  joinStreams: JoinStreams,
  joinChannels: JoinChannels,
): void {
  const inlineBytesMax = (): number => 64 * 1024
  linkSuite({
    name,
    join: joinLinksOver(transport, joinStreams),
    inlineBytesMax,
    // A destroyed socket drops data that the kernel has not accepted.
    deliversAfterDestroy: false,
  })
  channelSuite({ name, transport, views: true, join: joinChannels, inlineBytesMax })
}
