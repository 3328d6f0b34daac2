import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import express from 'express'
import fastify from 'fastify'
import { Agent, Pool, request as undiciRequest } from 'undici'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { agent, attach, connector } from '../../src/adapter/http.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

const opened: { close(): unknown }[] = []
beforeEach(() => {
  ownRuntimeDirectory()
})
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.close()
})

/** Closes it after the test, the last one first. */
function closing<T extends { close(): unknown }>(one: T): T {
  opened.push(one)
  return one
}

describe('Fastify 5 over a channel', () => {
  it('answers with hooks, schemas and errors as over a socket', async () => {
    const app = fastify()
    app.post<{ Body: { name: string } }>(
      '/greet',
      { schema: { body: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } } } },
      ({ body }) => ({ greeting: `Hello ${body.name}` }),
    )
    await app.ready()
    closing(app)
    closing(await attach(app.server, 'fastify'))
    const dispatcher = closing(new Agent({ connect: connector('fastify') }))
    const post = async (body: object): Promise<[number, unknown]> => {
      const response = await undiciRequest('http://localhost/greet', {
        dispatcher,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      return [response.statusCode, await response.body.json()]
    }
    expect(await post({ name: 'Ada' })).toEqual([200, { greeting: 'Hello Ada' }])
    expect(await post({})).toEqual([400, expect.objectContaining({ code: 'FST_ERR_VALIDATION' })])
  })
})

describe('Express 5 over a channel', () => {
  it('answers, and req.ip is undefined', async () => {
    const app = express()
    app.get('/items/:id', (request, response) => {
      response.json({ id: request.params.id, ip: String(request.ip) })
    })
    closing(await attach(createServer(app), 'express'))
    const client = agent('express')
    const [response] = (await once(get('http://localhost/items/7', { agent: client }), 'response')) as [
      IncomingMessage,
    ]
    expect(JSON.parse(await text(response))).toEqual({ id: '7', ip: 'undefined' })
    client.destroy()
  })
})

describe('undici over a channel', () => {
  it('answers pipelined requests in order on one connection', async () => {
    const sockets = new Set<unknown>()
    const server = createServer((incoming, response) => {
      sockets.add(incoming.socket)
      response.end(incoming.url)
    })
    closing(await attach(server, 'undici'))
    const pool = closing(
      new Pool('http://localhost', { connect: connector('undici'), connections: 1, pipelining: 20 }),
    )
    const bodies = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const { body } = await pool.request({ path: `/${index}`, method: 'GET' })
        return body.text()
      }),
    )
    expect(bodies).toEqual(Array.from({ length: 200 }, (_, index) => `/${index}`))
    expect(sockets.size).toBe(1)
  })

  it('rejects with ECONNREFUSED when no server is attached', async () => {
    const pool = closing(new Pool('http://localhost', { connect: connector('nobody') }))
    await expect(pool.request({ path: '/', method: 'GET' })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('aborts a request in mid-response, and the server sees the end of the connection', async () => {
    const server = createServer((_incoming, response) => {
      response.write('begin')
      response.once('close', () => server.emit('aborted'))
    })
    closing(await attach(server, 'undici'))
    const pool = closing(new Pool('http://localhost', { connect: connector('undici') }))
    const aborted = once(server, 'aborted')
    const controller = new AbortController()
    const { body } = await pool.request({ path: '/', method: 'GET', signal: controller.signal })
    controller.abort()
    await expect(body.text()).rejects.toMatchObject({ name: 'AbortError' })
    await aborted
  })
})
