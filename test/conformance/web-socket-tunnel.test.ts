import { afterAll } from 'vitest'
import { webSocketChannels, webSocketStreams } from '../support/tunnel-pairs.js'
import { streamSuite } from './stream-suite.js'

const streams = await webSocketStreams()
const channels = await webSocketChannels()

afterAll(async () => {
  streams.close()
  await channels.close()
})

streamSuite('tunnel over a WebSocket', 'ws', streams.join, channels.join)
