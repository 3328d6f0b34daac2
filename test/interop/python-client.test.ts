import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Channel, Server } from '../../dist/index.js'
import { ensureBuilt } from '../support/build.js'
import { outputOf, type Program, python, start } from '../support/python-programs.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { waitFor } from '../support/wait-for.js'

const EXAMPLE = fileURLToPath(new URL('../../examples/python/', import.meta.url))
const SOURCES = readdirSync(EXAMPLE).filter((file) => file.endsWith('.py'))
const SMALL = 1 << 16
/** The server's ring is elastic. The client never accepts its offer, so the ring stays small. */
const ELASTIC = 1 << 20
/** The order of stores in Python suffices for shared memory on this processor only. */
const LINKS: ['shm' | 'socket', number][] =
  process.arch === 'x64'
    ? [
        ['shm', SMALL],
        ['shm', ELASTIC],
        ['socket', SMALL],
      ]
    : [['socket', SMALL]]
const GONE = 'ERR_SHMWIRE_PEER_GONE'

let listen: typeof import('../../dist/index.js')['listen']
beforeAll(async () => {
  ensureBuilt()
  ;({ listen } = await import('../../dist/index.js'))
})

let server: Server | undefined
beforeEach(() => void ownRuntimeDirectory())
afterEach(async () => {
  await server?.close()
  server = undefined
})

function client(scenario: string, transport: string, codec = 'bytes', ringBytes = SMALL): Program {
  return start(python as string, 'python-client.py', scenario, 'python', transport, codec, `${ringBytes}`)
}

interface Pair {
  readonly program: Program
  readonly channel: Channel
}

/** A server, a client in Python, and the channel of the server. `prepare` runs before messages can arrive. */
async function pair(
  scenario: string,
  [transport, ringBytes]: (typeof LINKS)[number],
  prepare: (channel: Channel) => void,
  codec: 'bytes' | 'json' = 'bytes',
): Promise<Pair> {
  server = await listen('python', { codec, ringBytes, maxOutboxBytes: 1 << 22 })
  const accepted = once(server, 'channel')
  server.on('channel', prepare)
  const program = client(scenario, transport, codec, ringBytes)
  const [channel] = (await Promise.race([
    accepted,
    once(program.process, 'exit').then(() => outputOf(program)),
  ])) as [Channel]
  expect(channel.transport).toBe(transport === 'shm' ? 'shm' : 'unix')
  return { program, channel }
}

/** The reason of the end, without one if a side has closed the channel. */
function endOf(channel: Channel): Promise<unknown> {
  channel.on('error', () => {})
  return new Promise((resolve) => channel.on('close', resolve))
}

describe.skipIf(python === undefined).each(LINKS)(
  'a client in Python over %s, with rings of %i bytes,',
  (transport, ringBytes) => {
    const link = [transport, ringBytes] as (typeof LINKS)[number]
    const plane = transport === 'shm' ? 'RingPlane' : 'SocketPlane'

    it('answers requests and returns messages of every length', async () => {
      const returned: Buffer[] = []
      const { program, channel } = await pair('serve', link, (accepted) => {
        accepted.on('message', (message: Buffer) => returned.push(Buffer.from(message)))
      })
      const sent = [0, 1, 15, 16, 17, 8174, 8175, 8176, 8177, 65_536, 300_000, 3_000_000].map((size) =>
        Buffer.alloc(size, `${size} bytes`),
      )
      for (const data of sent) {
        expect(Buffer.compare(await channel.request(data), data)).toBe(0)
        await channel.send(data)
      }
      await waitFor(() => expect(returned).toHaveLength(sent.length))
      expect(returned.every((data, index) => data.equals(sent[index] as Buffer))).toBe(true)
      await channel.close()
      expect(await outputOf(program)).toEqual([plane, 'closed'])
    })

    it('sends requests and messages of every length, and closes', async () => {
      const { program, channel } = await pair('drive', link, (accepted) => {
        accepted.on('message', (message) => void accepted.send(message))
        accepted.handle((request) => request)
      })
      expect(await endOf(channel)).toBeUndefined()
      expect(await outputOf(program)).toEqual([plane, 'the same'])
    })

    it('exchanges JSON and errors', async () => {
      const value = { texts: ['ä', '😀'], number: 1.5, nothing: null }
      const requests: unknown[] = []
      const asking = await pair(
        'ask',
        link,
        (accepted) =>
          accepted.handle((request) => {
            requests.push(request)
            if (request === 'refuse') throw new TypeError('the handler refuses')
            return request
          }),
        'json',
      )
      const [first, reply, error] = await outputOf(asking.program)
      expect([first, reply]).toEqual([plane, "{'texts': ['ä', '😀'], 'number': 1.5, 'nothing': None}"])
      expect(JSON.parse(error ?? '')).toEqual({ name: 'TypeError', message: 'the handler refuses' })
      expect(requests).toEqual([value, 'refuse'])
      await server?.close()

      const serving = await pair('serve', link, () => {}, 'json')
      expect(await serving.channel.request(value)).toEqual(value)
      await expect(serving.channel.request('refuse')).rejects.toMatchObject({
        code: 'ERR_SHMWIRE_REMOTE',
        cause: { name: 'ValueError', message: 'the handler refuses' },
      })
      await serving.channel.close()
      expect(await outputOf(serving.program)).toEqual([plane, 'closed'])
    })

    it('waits for room in a server that does not read', async () => {
      const { program, channel } = await pair('fill', link, () => {})
      await waitFor(() => expect(channel.stats().messagesReceived).toBeGreaterThan(0))
      await waitFor(() => expect(program.lines).toEqual([plane, 'sending']))
      let count = 0
      channel.on('message', (message: Buffer) => {
        if (message.equals(Buffer.alloc(16_000, count % 251))) count++
      })
      expect(await endOf(channel)).toBeUndefined()
      expect([count, await outputOf(program)]).toEqual([1000, [plane, 'sending', 'sent']])
    })

    it('makes a server wait for room while it does not read', async () => {
      const { program, channel } = await pair('wait', link, () => {})
      let count = 0
      const sendNext = (): boolean => channel.trySend(Buffer.alloc(16_000, count % 251))
      while (sendNext()) count++
      expect(count).toBeLessThan(1000)
      program.process.stdin?.end('\n')
      for (const limit = count + 1000; count < limit; count++)
        await channel.send(Buffer.alloc(16_000, count % 251))
      await channel.close()
      const growth = ringBytes === ELASTIC ? 'offered' : 'not offered'
      expect(await outputOf(program)).toEqual([plane, 'waiting', `${count} ${growth}`])
    })

    it('is killed: what it sent is delivered before PEER_GONE', async () => {
      const received: unknown[] = []
      const { program, channel } = await pair('pause', link, () => {})
      await waitFor(() => expect(program.lines).toEqual([plane, 'sent']))
      const ended = endOf(channel)
      program.process.kill('SIGKILL')
      await once(program.process, 'exit')
      channel.on('message', (message: Buffer) => received.push(message[0]))
      expect(await ended).toMatchObject({ code: GONE })
      expect(received).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    })

    it('receives what a server sent before it is killed, and then an error', async () => {
      const child = start(process.execPath, 'python-killed-server.mjs', 'python')
      await waitFor(() => expect(child.lines).toEqual(['ready']))
      const program = client('serve', transport, 'bytes', ringBytes)
      await waitFor(() => expect(child.lines).toEqual(['ready', 'all returned']))
      child.process.kill('SIGKILL')
      expect(await outputOf(program)).toEqual([plane, '10 messages, then: the peer ended without a close'])
    })

    it('is refused with another codec', async () => {
      server = await listen('python', { codec: 'msgpack' })
      const program = client('serve', transport, 'bytes', ringBytes)
      expect(await once(program.process, 'close')).toEqual([1, null])
      expect(program.stderr()).toMatch(/ShmwireError: .*codec/)
    })
  },
)

describe.skipIf(python === undefined || process.arch !== 'x64')('a client in Python', () => {
  it.each([SMALL, ELASTIC])(
    'wakes a server that blocks its thread, with rings of %i bytes',
    async (ringBytes) => {
      const { program, channel } = await pair('serve', ['shm', ringBytes], () => {})
      for (let number = 0; number < 100; number++) {
        const data = Buffer.alloc(number * 1000, number)
        expect(Buffer.compare(channel.requestSync(data, 20_000), data)).toBe(0)
      }
      await channel.close()
      expect(await outputOf(program)).toEqual(['RingPlane', 'closed'])
    },
  )

  it('maps an elastic segment without allocating its pages, and refuses other features', async () => {
    const program = start(python as string, 'python-segments.py')
    const elasticBytes = 8192 + SMALL
    const wholeBytes = 8192 + ELASTIC
    const cases: [capacity: number, features: bigint, existingBytes: number, expected: string | RegExp][] = [
      [SMALL, 0n, elasticBytes, `${SMALL} no new page`],
      [ELASTIC, 0n, wholeBytes, `${ELASTIC} no new page`],
      [ELASTIC, 1n, elasticBytes, `${SMALL} no new page`],
      [ELASTIC, 0n, elasticBytes, /^the memory has/],
      [ELASTIC, 1n, elasticBytes - 4096, /^the memory has/],
      [SMALL, 1n, elasticBytes, /header/],
      [ELASTIC, 2n, wholeBytes, /header/],
      [ELASTIC, 3n, wholeBytes, /header/],
      [ELASTIC, 1n << 63n, wholeBytes, /header/],
      [ELASTIC, (1n << 8n) | 1n, wholeBytes, /header/],
    ]
    program.process.stdin?.end(cases.map((row) => `${row.slice(0, 3).join(' ')}\n`).join(''))
    const lines = await outputOf(program)
    expect(lines).toHaveLength(cases.length)
    for (const [index, [, , , expected]] of cases.entries()) expect(lines[index]).toMatch(expected)
  })

  it('uses the socket if the server does', async () => {
    server = await listen('python', { codec: 'bytes', transport: 'socket' })
    const accepted = once(server, 'channel')
    const program = client('serve', 'auto')
    const [channel] = (await accepted) as [Channel]
    expect((await channel.request(Buffer.from('socket'))).toString()).toBe('socket')
    await channel.close()
    expect(await outputOf(program)).toEqual(['SocketPlane', 'closed'])
  })
})

describe.skipIf(python === undefined)('examples/python', () => {
  it('has at most 300 lines', () => {
    const lines = SOURCES.flatMap((file) =>
      readFileSync(EXAMPLE + file, 'utf8')
        .trimEnd()
        .split('\n'),
    )
    expect(SOURCES.length).toBeGreaterThan(0)
    expect(lines.length).toBeLessThanOrEqual(300)
    expect(lines.filter((line) => line.length > 110)).toEqual([])
  })

  it('needs the standard library only', () => {
    const imports = SOURCES.flatMap((file) => {
      const source = readFileSync(EXAMPLE + file, 'utf8')
      return [...source.matchAll(/^(?:import (.+)|from (\S+) import .+)$/gm)].flatMap(
        ([, list, module]) => list?.split(', ') ?? [module as string],
      )
    }).filter((name) => !SOURCES.includes(`${name}.py`))
    const code = 'import sys; print(*(n for n in sys.argv[1:] if n not in sys.stdlib_module_names))'
    const { stdout } = spawnSync(python as string, ['-c', code, ...imports], { encoding: 'utf8' })
    expect([imports.length > 0, stdout]).toEqual([true, '\n'])
  })
})
