import { afterAll } from 'vitest'
import { tunnelChannels, tunnelStreams } from '../support/tunnel-pairs.js'
import { streamSuite } from './stream-suite.js'

const streams = await tunnelStreams()
const channels = await tunnelChannels()

afterAll(async () => {
  streams.close()
  await channels.close()
})

streamSuite('tunnel', 'grpc', streams.join, channels.join)
