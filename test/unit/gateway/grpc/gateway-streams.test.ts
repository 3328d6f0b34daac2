import { status as Code, compressionAlgorithms } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { type Message, openGateway, taken, userClient } from '../../../support/grpc-gateways.js'
import { waitFor } from '../../../support/wait-for.js'

const MIB = 1024 * 1024
/** The windows of HTTP/2, the channel and the streams between them take fewer messages of this length. */
const BUFFERED_MAX = 20

describe('a stream through a gateway', () => {
  it('stops the service while the client does not read', async () => {
    const count = 100
    let produced = 0
    const { client } = await openGateway({
      async *streamUsers(): AsyncGenerator<Message> {
        for (; produced < count; produced += 1) yield { avatar: new Uint8Array(MIB) }
      },
    })
    const stream = client.serverStream('StreamUsers', {})
    await new Promise((resolve) => {
      stream.once('data', () => {
        stream.pause()
        resolve(undefined)
      })
    })
    let before = -1
    await waitFor(
      () => {
        const unchanged = produced === before
        before = produced
        expect(unchanged).toBe(true)
      },
      { interval: 300, timeout: 20_000 },
    )
    expect(produced).toBeLessThan(BUFFERED_MAX)
    const ended = taken(stream)
    stream.resume()
    const rest = await ended
    expect(rest.messages.length).toBe(count - 1)
    expect(rest.status.code).toBe(Code.OK)
  })

  it('stops the client while the service does not read', async () => {
    const count = 100
    let read!: () => void
    const reading = new Promise<void>((resolve) => {
      read = resolve
    })
    const { client } = await openGateway({
      async upload(users: AsyncIterable<Message>) {
        await reading
        let bytes = 0
        for await (const { avatar } of users) bytes += avatar.length
        return { user: { age: bytes } }
      },
    })
    const { call, outcome } = client.clientStream('Upload')
    let sent = 0
    const avatar = new Uint8Array(MIB)
    const writing = (async () => {
      for (; sent < count; sent += 1)
        await new Promise((resolve) => {
          call.write({ avatar }, resolve)
        })
      call.end()
    })()
    let before = -1
    await waitFor(
      () => {
        const unchanged = sent === before
        before = sent
        expect(unchanged).toBe(true)
      },
      { interval: 300, timeout: 20_000 },
    )
    expect(sent).toBeLessThan(BUFFERED_MAX)
    read()
    await writing
    expect((await outcome).response.user.age).toBe(count * MIB)
  })

  it('carries the longest answers of as many calls as a connection has', async () => {
    const { client } = await openGateway({ getUser: () => ({ user: { avatar: new Uint8Array(2 * MIB) } }) })
    const calls = await Promise.all(Array.from({ length: 100 }, () => client.unary('GetUser', {})))
    expect(new Set(calls.map(({ status }) => status.code))).toEqual(new Set([Code.OK]))
  })

  it('answers before the client has sent everything', async () => {
    const { client } = await openGateway({
      async upload(users: AsyncIterable<Message>) {
        for await (const { name } of users) return { user: { name } }
        return {}
      },
    })
    const { call, outcome } = client.clientStream('Upload')
    call.on('error', () => {})
    call.write({ name: 'first' })
    const { response, status } = await outcome
    expect(status.code).toBe(Code.OK)
    expect(response.user.name).toBe('first')
  })

  it('ends the requests of a handler when the client cancels', async () => {
    let ended = false
    const { client } = await openGateway({
      async *chat(users: AsyncIterable<Message>): AsyncGenerator<Message> {
        try {
          for await (const user of users) yield user
        } finally {
          ended = true
        }
      },
    })
    const chat = client.bidi('Chat')
    chat.on('error', () => {})
    chat.write({ name: 'a' })
    await new Promise((resolve) => {
      chat.once('data', resolve)
    })
    chat.cancel()
    await waitFor(() => expect(ended).toBe(true))
  })

  it('carries ten thousand small messages each way in order', async () => {
    const count = 10_000
    const { client } = await openGateway({
      async *chat(users: AsyncIterable<Message>): AsyncGenerator<Message> {
        for await (const user of users) yield user
      },
    })
    const chat = client.bidi('Chat')
    for (let age = 0; age < count; age += 1) chat.write({ age })
    chat.end()
    const { messages } = await taken(chat)
    expect(messages.map(({ age }) => age)).toEqual(Array.from({ length: count }, (_, age) => age))
  })
})

describe('compression', () => {
  const text = 'compressible '.repeat(10_000)

  it('of requests is always read', async () => {
    const { gateway } = await openGateway({ createUser: ({ user }: Message) => ({ user }) })
    for (const algorithm of [compressionAlgorithms.gzip, compressionAlgorithms.deflate]) {
      const client = userClient(gateway, { 'grpc.default_compression_algorithm': algorithm })
      const { response, status } = await client.unary('CreateUser', { user: { name: text } })
      expect(status.code).toBe(Code.OK)
      expect(response.user.name).toBe(text)
    }
  })

  it('of answers is on demand', async () => {
    const handlers = {
      getUser: () => ({ user: { name: text } }),
      async *streamUsers(): AsyncGenerator<Message> {
        yield { name: 'short' }
        yield { name: text }
      },
    }
    for (const compression of [false, true]) {
      const { client } = await openGateway(handlers, { compression })
      const { response, headers } = await client.unary('GetUser', {})
      expect(response.user.name).toBe(text)
      expect(headers?.get('grpc-encoding')).toEqual([])
      const { messages } = await taken(client.serverStream('StreamUsers', {}))
      expect(messages.map(({ name }) => name)).toEqual(['short', text])
    }
  })

  it('does not get around the limit of a message', async () => {
    const { gateway } = await openGateway({ putUser: () => ({}) }, { maxMessageBytes: MIB })
    const client = userClient(gateway, { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip })
    const { status } = await client.unary('PutUser', { avatar: new Uint8Array(2 * MIB) })
    expect(status).toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
      details: 'a message is longer when it is decompressed, more than maxMessageBytes: 1048576',
    })
  })
})
