import { joinSocketChannels } from '../support/channel-pairs.js'
import { joinSocketLinks } from '../support/link-pairs.js'
import { channelSuite } from './channel-suite.js'
import { linkSuite } from './link-suite.js'

const inlineBytesMax = (): number => 64 * 1024

linkSuite({
  name: 'socket',
  join: joinSocketLinks,
  inlineBytesMax,
  // A destroyed socket drops data that the kernel has not accepted.
  deliversAfterDestroy: false,
})

channelSuite({ name: 'socket', transport: 'unix', views: true, join: joinSocketChannels, inlineBytesMax })
