import { joinSocketChannels } from '../support/channel-pairs.js'
import { joinSocketLinks } from '../support/link-pairs.js'
import { channelSuite } from './channel-suite.js'
import { linkSuite } from './link-suite.js'

const inlineBytesMax = (): number => 64 * 1024

linkSuite({
  name: 'socket',
  join: joinSocketLinks,
  inlineBytesMax,
  // A socket that is destroyed drops what the kernel has not taken.
  deliversAfterDestroy: false,
})

channelSuite({ name: 'socket', transport: 'unix', views: true, join: joinSocketChannels, inlineBytesMax })
