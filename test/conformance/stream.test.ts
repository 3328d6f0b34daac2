import { joinDuplexChannels } from '../support/channel-pairs.js'
import { joinDuplexes } from '../support/stream-pairs.js'
import { streamSuite } from './stream-suite.js'

streamSuite('stream', 'stream', joinDuplexes, joinDuplexChannels)
