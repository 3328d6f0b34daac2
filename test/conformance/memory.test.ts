import { joinMemoryChannels } from '../support/channel-pairs.js'
import { joinMemoryLinks } from '../support/link-pairs.js'
import { channelSuite } from './channel-suite.js'
import { linkSuite } from './link-suite.js'

const inlineBytesMax = (ringBytes: number): number => ringBytes

linkSuite({
  name: 'memory',
  join: joinMemoryLinks,
  inlineBytesMax,
  deliversAfterDestroy: true,
})

channelSuite({ name: 'memory', transport: 'memory', join: joinMemoryChannels, inlineBytesMax })
