import { joinShmLinks, needBinding } from '../support/link-pairs.js'
import { linkSuite } from './link-suite.js'

linkSuite({
  name: 'shm',
  join: joinShmLinks,
  inlineBytesMax: (ringBytes) => needBinding().inlineBytesMax(ringBytes),
  deliversAfterDestroy: true,
  soakMessages: 200_000,
})
