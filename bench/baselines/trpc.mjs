import { once } from 'node:events'
import { createServer } from 'node:http'
import { loadPackage } from '../support/packages.mjs'

/**
 * HTTP/1.1 with keep-alive on a Unix socket. Messages are JSON, where base64 is the shortest text for bytes.
 * @type {import('./baseline.js').CallBaseline}
 */
export const baseline = {
  title: 'tRPC over HTTP',
  packages: ['@trpc/server', '@trpc/client', 'undici'],
  isVariant: true,

  async listen({ path }, { call }) {
    const { initTRPC } = loadPackage('@trpc/server')
    const { createHTTPHandler } = loadPackage('@trpc/server/adapters/standalone')
    const { router, procedure } = initTRPC.create()
    const answer = ({ input }) => textOf(call(bytesOf(input)))
    const app = router({ echo: procedure.input(checkedText).mutation(answer) })
    const server = createServer({ keepAliveTimeout: 0 }, createHTTPHandler({ router: app }))
    server.listen({ path })
    await once(server, 'listening')
    return { close: () => new Promise((resolve) => server.close(() => resolve())) }
  },

  async connect({ path }) {
    const { createTRPCClient, httpLink } = loadPackage('@trpc/client')
    const { Agent, fetch } = loadPackage('undici')
    const dispatcher = new Agent({ connect: { socketPath: path }, connections: 1 })
    const link = httpLink({
      url: 'http://localhost',
      fetch: (url, request) => fetch(url, { ...request, dispatcher }),
    })
    const client = createTRPCClient({ links: [link] })
    return {
      transport: 'http',
      call: async (message) => bytesOf(await client.echo.mutate(textOf(message))),
      close: () => dispatcher.close(),
    }
  },
}

function checkedText(value) {
  if (typeof value !== 'string') throw new TypeError('the message is not a string')
  return value
}

function textOf({ buffer, byteOffset, length }) {
  return Buffer.from(buffer, byteOffset, length).base64Slice()
}

function bytesOf(text) {
  return Buffer.from(text, 'base64')
}
