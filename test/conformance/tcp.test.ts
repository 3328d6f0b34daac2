import { joinTcpChannels } from '../support/channel-pairs.js'
import { joinTcpSockets } from '../support/stream-pairs.js'
import { streamSuite } from './stream-suite.js'

streamSuite('tcp', 'tcp', joinTcpSockets, joinTcpChannels)
