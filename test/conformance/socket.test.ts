import { joinSocketChannels } from '../support/channel-pairs.js'
import { SOCKET_TRANSPORT } from '../support/local-address.js'
import { joinUnixSockets } from '../support/stream-pairs.js'
import { streamSuite } from './stream-suite.js'

streamSuite('socket', SOCKET_TRANSPORT, joinUnixSockets, joinSocketChannels)
