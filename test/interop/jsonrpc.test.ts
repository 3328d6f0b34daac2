import { beforeEach, describe, expect, it } from 'vitest'
import {
  createMessageConnection,
  type MessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-jsonrpc/node'
import { type ChannelSocket, createConnection } from '../../src/adapter/stream.js'
import { listenForSockets } from '../support/byte-server.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

beforeEach(() => {
  ownRuntimeDirectory()
})

function over(socket: ChannelSocket): MessageConnection {
  return createMessageConnection(new StreamMessageReader(socket), new StreamMessageWriter(socket))
}

describe('vscode-jsonrpc over a channel', () => {
  it('carries requests, notifications and the end', async () => {
    const server = await listenForSockets('jsonrpc', (socket) => {
      const connection = over(socket)
      connection.onRequest('add', ({ left, right }: { left: number; right: number }) => left + right)
      connection.onNotification('log', (text: string) => void connection.sendNotification('logged', text))
      connection.listen()
    })
    const socket = createConnection('jsonrpc')
    const connection = over(socket)
    connection.listen()
    const logged = new Promise((resolve) => {
      connection.onNotification('logged', resolve)
    })
    const sums = await Promise.all(
      Array.from({ length: 100 }, (_, index) => connection.sendRequest('add', { left: index, right: 1 })),
    )
    expect(sums).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
    await connection.sendNotification('log', 'a line')
    expect(await logged).toBe('a line')
    const closed = new Promise((resolve) => {
      connection.onClose(() => resolve('closed'))
    })
    await server.close()
    expect(await closed).toBe('closed')
  })
})
