import { request } from 'node:http'
import { AnswerConnection, CallConnection } from './call-connection.mjs'
import { loadPackage } from './packages.mjs'

/** Requests in transit, each on a connection of its own. */
const CONNECTIONS_MAX = 16

/**
 * Fastify, called by node:http with keep-alive. Each message is the body of a POST, and its reply the body of the response.
 * @param {object} way
 * @param {(app: object, path: string) => Promise<() => Promise<void>>} way.serve returns what closes it
 * @param {(path: string, maxSockets: number) => { agent: import('node:http').Agent, socketPath?: string }} way.reach
 * @returns {import('../baselines/baseline.js').Baseline}
 */
export function fastifyBaseline(title, { serve, reach }) {
  return {
    title,
    isVariant: true,
    packages: ['fastify'],

    async listen({ path }, onConnection) {
      const connection = new AnswerConnection('http')
      const app = loadPackage('fastify')({ keepAliveTimeout: 600_000 })
      const bytes = { parseAs: 'buffer' }
      app.addContentTypeParser('application/octet-stream', bytes, (_request, body, done) => done(null, body))
      app.post('/', ({ body }) => connection.answer(body))
      // The end of the client ends this process; an HTTP server has one connection for many.
      app.get('/close', () => {
        setImmediate(() => connection.onClose())
        return ''
      })
      await app.ready()
      const close = await serve(app, path)
      onConnection(connection)
      return { close }
    },

    async connect({ path }) {
      const way = reach(path, CONNECTIONS_MAX)
      const call = (message, onReply, onError) => send({ ...way, method: 'POST' }, message, onReply, onError)
      return new CallConnection('http', call, async () => {
        await new Promise((resolve, reject) => {
          send({ ...way, path: '/close' }, undefined, resolve, reject)
        })
        way.agent.destroy()
      })
    },
  }
}

function send(options, body, onReply, onError) {
  const headers =
    body === undefined
      ? {}
      : { 'content-type': 'application/octet-stream', 'content-length': String(body.length) }
  const sent = request({ ...options, headers }, (response) => {
    const chunks = []
    response.on('data', (chunk) => chunks.push(chunk))
    response.on('end', () => {
      if (response.statusCode === 200) onReply(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))
      else onError(new Error(`status ${response.statusCode}: ${String(Buffer.concat(chunks))}`))
    })
    response.on('error', onError)
  })
  sent.on('error', onError)
  // Kept until it is written.
  sent.end(body === undefined ? undefined : Buffer.from(body))
}
