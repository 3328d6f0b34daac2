import { connect, listen } from '../../dist/index.js'

/**
 * Requests of a channel without a service.
 * @returns {import('../baselines/baseline.js').CallBaseline}
 */
export function requestBaseline(title, own = {}) {
  return {
    title,
    isVariant: true,

    async listen({ path }, { call }) {
      const server = await listen(`unix:${path}`, { transport: 'shm' })
      server.on('channel', (channel) => channel.handle(call))
      return { close: () => server.close() }
    },

    async connect({ path }) {
      const channel = await connect(`unix:${path}`, { transport: 'shm' })
      return {
        ...own,
        transport: channel.transport,
        call: (message) => channel.request(message),
        close: () => channel.close(),
      }
    },
  }
}
