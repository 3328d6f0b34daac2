import { mkdirSync } from 'node:fs'
import { createConnection, createServer, type Server as NetServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ChannelOptions, connect, ErrorCode, listen, type Server } from '../../src/index.js'
import { encodeControlFrame, encodeFrame, FrameKind } from '../../src/wire/frames.js'
import { encodePreamble, PROTOCOL_MAJOR } from '../../src/wire/preamble.js'
import { integerFrom, newSeed, randomFrom } from '../support/random.js'
import { ownRuntimeDirectory, temporaryDirectory } from '../support/temporary-directory.js'
import { turn } from '../support/turns.js'

/** Far longer than the server's handshake bound of 5 s, so that it ends only a test that hangs. */
const PATIENT_MS = 60_000

const HELLO = {
  features: [],
  codec: 'msgpack',
  maxMessageBytes: 1_000_000,
  ringBytes: 65_536,
  transport: 'socket',
  shm: 'no',
  pid: process.pid,
}

let directory = ''
beforeEach(() => {
  directory = ownRuntimeDirectory(join(temporaryDirectory(), 'run'))
})

describe('a foreign server', () => {
  /** Runs `serve` for each connection to the address. Returns the error of a client. */
  async function connectTo(
    serve: (socket: Socket) => void,
    options: ChannelOptions & { timeoutMs?: number } = {},
  ): Promise<unknown> {
    mkdirSync(directory, { mode: 0o700, recursive: true })
    const server: NetServer = createServer((socket) => {
      socket.on('error', () => {})
      serve(socket)
    })
    await new Promise<void>((resolve) => {
      server.listen(join(directory, 'fake.sock'), resolve)
    })
    try {
      return await connect('fake', options).then(
        () => 'connected',
        (error: unknown) => error,
      )
    } finally {
      server.close()
    }
  }

  it('causes VERSION with both numbers if it has another protocol version', async () => {
    const error = await connectTo((socket) => {
      const preamble = encodePreamble()
      preamble[4] = 9
      socket.end(
        Buffer.concat([
          preamble,
          encodeControlFrame(FrameKind.REJECT, { code: ErrorCode.VERSION, message: 'no' }),
        ]),
      )
    })
    expect(error).toMatchObject({ code: ErrorCode.VERSION })
    expect((error as Error).message).toMatch(new RegExp(`\\b9\\b.*\\b${PROTOCOL_MAJOR}\\b`))
  })

  it.each([
    ['replies like a web server', 'HTTP/1.1 400 Bad Request\r\n\r\n', ErrorCode.VERSION],
    ['hangs up', '', ErrorCode.PEER_GONE],
    ['sends half a preamble', 'SHM', ErrorCode.PEER_GONE],
    ['sends a preamble and hangs up', encodePreamble(), ErrorCode.PEER_GONE],
    [
      'sends half a frame',
      Buffer.concat([encodePreamble(), encodeControlFrame(FrameKind.OFFER, {}).subarray(0, 7)]),
      ErrorCode.PEER_GONE,
    ],
    [
      'sends an offer that is not JSON',
      Buffer.concat([encodePreamble(), encodeFrame(FrameKind.OFFER, 0, Buffer.from('{'))]),
      ErrorCode.CORRUPT,
    ],
    [
      'sends an empty offer',
      Buffer.concat([encodePreamble(), encodeControlFrame(FrameKind.OFFER, {})]),
      ErrorCode.CORRUPT,
    ],
    [
      'sends a frame of an unknown kind',
      Buffer.concat([encodePreamble(), encodeFrame(272, 0, Buffer.alloc(0))]),
      ErrorCode.CORRUPT,
    ],
    [
      'sends a huge length',
      Buffer.concat([encodePreamble(), Buffer.from('ffffffff0101000000000000', 'hex')]),
      ErrorCode.CORRUPT,
    ],
  ] as [string, string | Buffer, ErrorCode][])(
    'causes a clear error if it %s',
    async (_what, bytes, code) => {
      const error = await connectTo((socket) => socket.end(bytes))
      expect(error).toMatchObject({ code })
      expect((error as Error).message.length).toBeGreaterThan(20)
    },
  )

  it('causes TIMEOUT after timeoutMs if it sends nothing', async () => {
    expect(await connectTo((socket) => socket.resume(), { timeoutMs: 50 })).toMatchObject({
      code: ErrorCode.TIMEOUT,
    })
  })

  it('causes CORRUPT if it offers a transport that the client excluded', async () => {
    const error = await connectTo(
      (socket) => {
        socket.write(encodePreamble())
        socket.write(encodeControlFrame(FrameKind.OFFER, { ...HELLO, transport: 'socket', reason: 'so' }))
      },
      { transport: 'shm' },
    )
    expect(error).toMatchObject({ code: ErrorCode.CORRUPT })
  })
})

describe.each(['auto', 'socket'] as const)(
  "a server with transport '%s' and foreign clients",
  (transport) => {
    let server: Server
    let good: { stop: () => Promise<number> }

    beforeEach(async () => {
      server = await listen('solid', { transport })
      server.on('channel', (channel) => channel.handle((value) => value))
      good = await startGoodClient()
    })

    afterEach(async () => {
      // The solid client was served throughout, and a new one is served too.
      expect(await good.stop()).toBeGreaterThan(0)
      await expectServed()
      await server.close()
    })

    /** A client that sends requests without end and checks each reply. */
    async function startGoodClient(): Promise<{ stop: () => Promise<number> }> {
      const channel = await connect('solid', { transport })
      const stopping = new AbortController()
      const ask = async (): Promise<number> => {
        let answers = 0
        for (; !stopping.signal.aborted; answers += 1) {
          expect(await channel.request(answers)).toBe(answers)
          await turn()
        }
        await channel.close()
        return answers
      }
      const asking = ask()
      return {
        stop: () => {
          stopping.abort()
          return asking
        },
      }
    }

    async function expectServed(): Promise<void> {
      const channel = await connect('solid', { transport })
      expect(await channel.request('fine?')).toBe('fine?')
      await channel.close()
    }

    /** Sends the bytes and keeps the connection open. Resolves to the reply once the server has closed it. */
    function provoke(...parts: (Buffer | string)[]): Promise<Buffer> {
      return new Promise((resolve) => {
        const socket = createConnection(join(directory, 'solid.sock'))
        const chunks: Buffer[] = []
        socket.on('error', () => {})
        socket.on('data', (chunk) => chunks.push(chunk))
        socket.on('close', () => resolve(Buffer.concat(chunks)))
        for (const part of parts) socket.write(part)
      })
    }

    it('replies with its own version to another version, and hangs up', async () => {
      const preamble = encodePreamble()
      preamble[4] = 9
      const answer = await provoke(preamble, encodeControlFrame(FrameKind.HELLO, HELLO))
      expect(answer.subarray(0, 8)).toEqual(encodePreamble())
      expect(answer.toString('latin1')).toContain(ErrorCode.VERSION)
    })

    it.each([
      ['a request of HTTP', ['GET / HTTP/1.1\r\nHost: localhost\r\n\r\n']],
      ['a HELLO that is not JSON', [encodePreamble(), encodeFrame(FrameKind.HELLO, 0, Buffer.from('!'))]],
      ['a HELLO without members', [encodePreamble(), encodeControlFrame(FrameKind.HELLO, {})]],
      [
        'a ring size that is not a power of two',
        [encodePreamble(), encodeControlFrame(FrameKind.HELLO, { ...HELLO, ringBytes: 70_000 })],
      ],
      [
        'another codec',
        [encodePreamble(), encodeControlFrame(FrameKind.HELLO, { ...HELLO, codec: 'other' })],
      ],
      ['READY before HELLO', [encodePreamble(), encodeControlFrame(FrameKind.READY, {})]],
      ['a huge length', [encodePreamble(), Buffer.from('ffffff7f0001000000000000', 'hex')]],
      [
        'HELLO twice',
        [
          encodePreamble(),
          encodeControlFrame(FrameKind.HELLO, HELLO),
          encodeControlFrame(FrameKind.HELLO, HELLO),
        ],
      ],
      [
        'a record that the channel does not know',
        [
          encodePreamble(),
          encodeControlFrame(FrameKind.HELLO, HELLO),
          encodeControlFrame(FrameKind.READY, {}),
          encodeFrame(99, 0, Buffer.from('x')),
        ],
      ],
      [
        'a record that is too long',
        [
          encodePreamble(),
          encodeControlFrame(FrameKind.HELLO, HELLO),
          encodeControlFrame(FrameKind.READY, {}),
          Buffer.from('ffffff7f0100000000000000', 'hex'),
        ],
      ],
      [
        'a message that the codec cannot decode',
        [
          encodePreamble(),
          encodeControlFrame(FrameKind.HELLO, HELLO),
          encodeControlFrame(FrameKind.READY, {}),
          encodeFrame(1, 0, Buffer.from('c1', 'hex')),
        ],
      ],
      [
        'a reply to a request that is not open',
        [
          encodePreamble(),
          encodeControlFrame(FrameKind.HELLO, HELLO),
          encodeControlFrame(FrameKind.READY, {}),
          encodeFrame(3, 1, Buffer.from('c0', 'hex')),
        ],
      ],
      [
        'descriptors that were never sent',
        [
          encodePreamble(),
          encodeControlFrame(FrameKind.HELLO, { ...HELLO, transport: 'auto', shm: true }),
          encodeControlFrame(FrameKind.HANDLES, {}),
          encodeFrame(99, 0, Buffer.from('x')),
        ],
      ],
    ] as [string, (Buffer | string)[]][])('hangs up on a client that sends %s', async (_what, parts) => {
      await provoke(...parts)
    })

    it(
      'hangs up on a client that sends nothing or stops in the middle',
      async () => {
        const hello = encodeControlFrame(FrameKind.HELLO, HELLO)
        await Promise.all([
          provoke(),
          provoke('SHM'),
          provoke(encodePreamble()),
          provoke(encodePreamble(), hello.subarray(0, 9)),
          provoke(encodePreamble(), hello.subarray(0, 40)),
          provoke(encodePreamble(), hello),
        ])
      },
      PATIENT_MS,
    )

    it('hangs up on a client that sends random bytes, alone or after a valid beginning', async () => {
      const random = randomFrom(newSeed('random bytes'))
      const beginnings = [
        [],
        [encodePreamble()],
        [encodePreamble(), encodeControlFrame(FrameKind.HELLO, HELLO)],
        [
          encodePreamble(),
          encodeControlFrame(FrameKind.HELLO, HELLO),
          encodeControlFrame(FrameKind.READY, {}),
        ],
      ]
      for (let round = 0; round < 100; round += 1) {
        const noise = Buffer.from(Array.from({ length: integerFrom(random, 20, 400) }, () => random() * 256))
        // Not the beginning of a long valid frame, for which the server would rightly wait.
        noise[3] = 0xff
        await provoke(...(beginnings[round % beginnings.length] as Buffer[]), noise)
      }
    })

    it('frees all resources of clients that hang up at once, a hundred at a time', async () => {
      for (let round = 0; round < 5; round += 1) {
        const sockets = Array.from({ length: 100 }, () => createConnection(join(directory, 'solid.sock')))
        for (const socket of sockets) {
          socket.on('error', () => {})
          socket.write(encodePreamble())
          socket.destroySoon()
        }
        await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))))
      }
      await expectServed()
    })
  },
)
