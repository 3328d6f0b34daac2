import { once } from 'node:events'
import { type ClientHttp2Session, connect, createServer } from 'node:http2'
import { buffer, text } from 'node:stream/consumers'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { attach } from '../../src/adapter/http.js'
import { createConnection } from '../../src/adapter/stream.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { closed } from '../support/socket-of-channels.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

beforeAll(() => ensureBuilt())
beforeEach(() => {
  ownRuntimeDirectory()
})

function session(): ClientHttp2Session {
  return connect('http://localhost', { createConnection: () => createConnection('h2') })
}

describe('node:http2 over a channel', () => {
  it('carries many streams at once', async () => {
    const server = createServer((request, response) => {
      request.pipe(response)
    })
    const attached = await attach(server, 'h2')
    const client = session()
    const echo = async (index: number): Promise<boolean> => {
      const body = Buffer.alloc(index * 1_000, index)
      const stream = client.request({ ':method': 'POST', ':path': '/' })
      stream.end(body)
      return (await buffer(stream)).equals(body)
    }
    const echoes = await Promise.all(Array.from({ length: 100 }, (_, index) => echo(index)))
    expect(echoes).not.toContain(false)
    client.close()
    await once(client, 'close')
    await attached.close()
  })

  it('ends its sessions after their streams when the attached server closes', async () => {
    let answer: (() => void) | undefined
    const server = createServer((_request, response) => {
      answer = () => response.end('slow')
    })
    const attached = await attach(server, 'h2')
    const client = session()
    const answered = text(client.request({ ':path': '/' }))
    await expect.poll(() => answer !== undefined).toBe(true)
    const clientClosed = once(client, 'close')
    const closing = attached.close()
    answer?.()
    expect(await answered).toBe('slow')
    await Promise.all([closing, clientClosed])
    expect(await closed(createConnection('h2'))).toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('lets a process end after unref of the socket; unref of the session has no effect', async () => {
    const attached = await attach(
      createServer((_request, response) => response.end('answer')),
      'h2',
    )
    const ending = new Child('http2-client', { args: ['h2', 'socket'] })
    const staying = new Child('http2-client', { args: ['h2', 'session'] })
    expect([await ending.next(), await staying.next()]).toEqual(['answer', 'answer'])
    expect((await ending.ended).code).toBe(0)
    expect(staying.running).toBe(true)
    await staying.kill()
    await attached.close({ timeoutMs: 10_000 })
  })
})
