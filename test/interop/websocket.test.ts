import { once } from 'node:events'
import { createServer } from 'node:http'
import { beforeEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { agent, attach } from '../../src/adapter/http.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

beforeEach(() => {
  ownRuntimeDirectory()
})

describe('ws over a channel', () => {
  it('carries messages in both directions, in order, and a close with its code', async () => {
    const http = createServer()
    const sockets = new WebSocketServer({ server: http })
    sockets.on('connection', (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
      socket.on('close', (code) => http.emit('closed', code))
    })
    const attached = await attach(http, 'ws')
    const client = new WebSocket('ws://localhost/', { agent: agent('ws') })
    await once(client, 'open')
    const received: number[] = []
    const all = new Promise<void>((resolve) => {
      client.on('message', (data: Buffer) => {
        received.push(data.length)
        if (received.length === 500) resolve()
      })
    })
    for (let index = 0; index < 500; index += 1) client.send(Buffer.alloc(index * 200, 1))
    await all
    expect(received).toEqual(Array.from({ length: 500 }, (_, index) => index * 200))
    const serverClosed = once(http, 'closed')
    client.close(4001)
    const [code] = await once(client, 'close')
    expect([code, ...(await serverClosed)]).toEqual([4001, 4001])
    await attached.close()
  })

  it('ends with the process of the peer: a destroyed connection is code 1006', async () => {
    const http = createServer()
    new WebSocketServer({ server: http }).on('connection', (socket) => socket.terminate())
    const attached = await attach(http, 'ws')
    const client = new WebSocket('ws://localhost/', { agent: agent('ws') })
    expect((await once(client, 'close'))[0]).toBe(1006)
    await attached.close()
  })

  it('ends open WebSockets when the attached server closes', async () => {
    const http = createServer()
    const sockets = new WebSocketServer({ server: http })
    const attached = await attach(http, 'ws')
    const client = new WebSocket('ws://localhost/', { agent: agent('ws') })
    await once(client, 'open')
    const ended = once(client, 'close')
    await attached.close()
    expect([(await ended)[0], sockets.clients.size]).toEqual([1006, 0])
  })
})
