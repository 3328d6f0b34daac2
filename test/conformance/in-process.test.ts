import { joinInProcessChannels } from '../support/channel-pairs.js'
import { joinInProcessLinks } from '../support/link-pairs.js'
import { channelSuite } from './channel-suite.js'
import { linkSuite } from './link-suite.js'

const inlineBytesMax = (ringBytes: number): number => ringBytes

linkSuite({
  name: 'in-process',
  join: joinInProcessLinks,
  inlineBytesMax,
  deliversAfterDestroy: true,
})

channelSuite({
  name: 'in-process',
  transport: 'unix',
  views: false,
  join: joinInProcessChannels,
  inlineBytesMax,
})
