import { joinTlsChannels } from '../support/channel-pairs.js'
import { joinTlsSockets } from '../support/stream-pairs.js'
import { streamSuite } from './stream-suite.js'

streamSuite('tls', 'tls', joinTlsSockets, joinTlsChannels)
