import { joinSocketChannels } from '../support/channel-pairs.js'
import { joinUnixSockets } from '../support/stream-pairs.js'
import { streamSuite } from './stream-suite.js'

streamSuite('socket', 'unix', joinUnixSockets, joinSocketChannels)
