import { birpcTransport } from '../../dist/adapter/port.js'
import { connect, listen } from '../../dist/index.js'
import { birpcBaseline } from '../support/birpc-baseline.mjs'

/** @type {import('./baseline.js').Baseline} */
export const baseline = birpcBaseline('birpc over shmwire/port', {
  async listen(onTransport, { path }) {
    const server = await listen(`unix:${path}`, { transport: 'shm' })
    server.on('channel', (channel) =>
      onTransport(birpcTransport(channel), channel.transport, (onEnd) => channel.once('close', onEnd)),
    )
    return () => server.close()
  },

  async connect({ path }) {
    const channel = await connect(`unix:${path}`, { transport: 'shm' })
    return { transport: birpcTransport(channel), name: channel.transport, close: () => channel.close() }
  },
})
