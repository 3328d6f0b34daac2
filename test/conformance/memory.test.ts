import { joinMemoryLinks } from '../support/link-pairs.js'
import { linkSuite } from './link-suite.js'

linkSuite({
  name: 'memory',
  join: joinMemoryLinks,
  inlineBytesMax: (ringBytes) => ringBytes,
  deliversAfterDestroy: true,
  soakMessages: 100_000,
})
