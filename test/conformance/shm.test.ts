import { joinShmChannels } from '../support/channel-pairs.js'
import { joinShmLinks, needBinding } from '../support/link-pairs.js'
import { channelSuite } from './channel-suite.js'
import { linkSuite } from './link-suite.js'

const inlineBytesMax = (ringBytes: number): number => needBinding().inlineBytesMax(ringBytes)

linkSuite({
  name: 'shm',
  join: joinShmLinks,
  inlineBytesMax,
  deliversAfterDestroy: true,
})

channelSuite({ name: 'shm', transport: 'shm', views: true, join: joinShmChannels, inlineBytesMax })
