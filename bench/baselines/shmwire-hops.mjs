import { client, connect, listen, serve } from '../../dist/index.js'
import { nanosNow } from '../support/figures.mjs'

/**
 * Three handlers, each of which calls the next one in the other process: the first and the third are the server's, the
 * second is the client's. All calls use one channel.
 * @type {import('./baseline.js').CallBaseline}
 */
export const baseline = {
  title: 'shmwire, service',
  isVariant: true,

  async listen({ path }, { call }) {
    const server = await listen(`unix:${path}`, { transport: 'shm' })
    server.on('channel', (channel) => void serveHops(channel, call))
    return { close: () => server.close() }
  },

  async connect({ path }) {
    const channel = await connect(`unix:${path}`, { transport: 'shm' })
    const server = await client(channel, { name: 'server' })
    const late = {}
    const hop2 = hop(late, 'hop2', (deadline, context) => server.hop3(deadline, { context }))
    await serve(channel, { hop2 }, { name: 'client' })
    return {
      transport: channel.transport,
      call: (message) => server.call(message),
      expire: (timeoutMs) => expire(server, late, timeoutMs),
      close: () => channel.close(),
    }
  },
}

async function serveHops(channel, call) {
  const late = {}
  const second = await client(channel, { name: 'client' })
  const handlers = {
    call,
    hop1: hop(late, 'hop1', (deadline, context) => second.hop2(deadline, { context })),
    hop3: hop(late, 'hop3', () => new Promise(() => {})),
    late: () => late,
  }
  await serve(channel, handlers, { name: 'server' })
}

async function expire(server, late, timeoutMs) {
  const deadline = nanosNow() + timeoutMs * 1e6
  const caller = await server.hop1(deadline, { timeoutMs }).then(
    () => Promise.reject(new Error('the call that is never answered has an answer')),
    (error) => {
      if (error.status !== 'DEADLINE_EXCEEDED') throw error
      return nanosNow() - deadline
    },
  )
  return { caller, ...(await server.late()), ...late }
}

/** Records how long after the deadline its signal fires. */
function hop(late, name, next) {
  return (deadline, context) => {
    context.signal.addEventListener('abort', () => {
      late[name] = nanosNow() - deadline
    })
    return next(deadline, context)
  }
}
