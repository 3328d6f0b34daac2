import { joinStdioChannels } from '../support/channel-pairs.js'
import { joinStandardStreams } from '../support/stream-pairs.js'
import { streamSuite } from './stream-suite.js'

streamSuite('stdio', 'stdio', joinStandardStreams, joinStdioChannels)
