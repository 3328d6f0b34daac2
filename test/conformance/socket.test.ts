import { joinSocketLinks } from '../support/link-pairs.js'
import { linkSuite } from './link-suite.js'

linkSuite({
  name: 'socket',
  join: joinSocketLinks,
  inlineBytesMax: () => 64 * 1024,
  deliversAfterDestroy: false,
  soakMessages: 100_000,
})
