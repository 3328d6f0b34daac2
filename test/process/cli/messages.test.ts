import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  clientStream,
  contract,
  createCell,
  createQueue,
  createTopic,
  listen,
  ServiceError,
  serve,
  serverStream,
  unary,
  work,
} from '../../../src/index.js'
import { loadContracts } from '../../../src/service/proto/index.js'
import { ensureBuilt } from '../../support/build.js'
import { Child } from '../../support/child.js'
import { localAddress } from '../../support/local-address.js'
import { IS_WINDOWS } from '../../support/not-on-windows.js'
import { Cli, runCli } from '../../support/run-cli.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

beforeAll(() => ensureBuilt())

let address = ''
beforeEach(() => {
  address = localAddress(temporaryDirectory())
})

describe.each([
  ['shared memory', 'auto'],
  ['the socket', 'socket'],
] as const)('over %s', (_carrier, transport) => {
  const channel = { transport }

  describe('shmwire send', () => {
    it('sends a message of JSON to a channel, and ends with 0', async () => {
      await using server = await listen(address, channel)
      const received = new Promise((resolve) => {
        server.on('channel', (client) => client.on('message', resolve))
      })
      expect(await runCli(['send', address, '{"a":[1,"ü"]}'])).toMatchObject({ code: 0, out: '', error: '' })
      expect(await received).toEqual({ a: [1, 'ü'] })
    })

    it('prints the replies to the lines of stdin in order', async () => {
      await using server = await listen(address, channel)
      server.on('channel', (client) => client.handle((value: number) => ({ doubled: value * 2 })))
      const result = await runCli(['send', address, '--request'], { input: '1\n2\n\n3' })
      expect(result).toMatchObject({ code: 0, error: '' })
      expect(result.out).toBe('{"doubled":2}\n{"doubled":4}\n{"doubled":6}\n')
    })

    it('sends the bytes of stdin as one message, and prints bytes as base64 or text', async () => {
      await using server = await listen(address, { ...channel, codec: 'bytes' })
      server.on('channel', (client) => client.handle((bytes: Buffer) => bytes))
      const args = ['send', address, '-', '--request', '--codec', 'bytes']
      expect((await runCli(args, { input: 'a\nb' })).out).toBe('{"base64":"YQpi"}\n')
      const text = await runCli(['send', address, 'hello\u001b', '--request', '--codec', 'bytes', '--text'])
      expect(text.out).toBe(`hello${String.raw`\u001b`}\n`)
    })

    it('fails with 1 and the codes of both sides when the codecs differ', async () => {
      await using _server = await listen(address, { ...channel, codec: 'json' })
      const { code, error } = await runCli(['send', address, '1'])
      expect(code).toBe(1)
      expect(error).toMatch(/codec.*json.*\(ERR_SHMWIRE_INVALID_ARGUMENT\)\n$/)
    })

    it('fails with 1 when the peer does not answer within --timeout', async () => {
      await using server = await listen(address, channel)
      server.on('channel', (client) => client.handle(() => new Promise(() => {})))
      const { code, error } = await runCli(['send', address, '1', '--request', '--timeout', '0.3'])
      expect(code).toBe(1)
      expect(error).toContain('ERR_SHMWIRE_TIMEOUT')
    })

    it('publishes to a topic with a key', async () => {
      await using _topic = await createTopic(address, { name: 'news', channel })
      const tail = new Cli(['tail', address, '--name', 'news', '--from', 'oldest', '--count', '1', '--info'])
      const sent = await runCli(['send', address, '"hot"', '--topic', '--name', 'news', '--key', 'eu.de'])
      expect(sent).toMatchObject({ code: 0, error: '' })
      const { code, out } = await tail.ended
      expect(code).toBe(0)
      expect(JSON.parse(out)).toMatchObject({ sequence: 1, key: 'eu.de', message: 'hot' })
    })

    it('pushes jobs to a queue, and prints their results', async () => {
      await using _queue = await createQueue(address, { channel })
      await using _worker = await work(address, (job: number) => job + 1)
      const result = await runCli(['send', address, '--queue', '--request'], { input: '41\n1\n' })
      expect(result).toMatchObject({ code: 0, out: '42\n2\n', error: '' })
    })
  })

  describe('shmwire tail', () => {
    it('prints the messages of a topic as lines of JSON until the topic closes', async () => {
      const topic = await createTopic(address, { channel })
      await topic.publish({ n: 1 })
      const tail = new Cli(['tail', address, '--from', 'oldest'])
      await tail.printed('{"n":1}\n')
      await topic.publish('\u009b2J')
      await topic.close()
      const { code, out, error } = await tail.ended
      expect({ code, error }).toEqual({ code: 0, error: '' })
      expect(out).toBe(`{"n":1}\n"${String.raw`\u009b2J`}"\n`)
    })

    it('prints the messages whose keys match', async () => {
      await using topic = await createTopic(address, { channel })
      await topic.publish(1, { key: 'a.b' })
      await topic.publish(2, { key: 'c' })
      await topic.publish(3, { key: 'a.d' })
      const { out } = await runCli(['tail', address, '--from', 'oldest', '--key', 'a.*', '--count', '2'])
      expect(out).toBe('1\n3\n')
    })

    it('reports on stderr how many messages were lost', async () => {
      await using topic = await createTopic(address, { channel, ringBytes: 64 * 1024 })
      await topic.publish('first')
      const from = `${topic.epoch}:1`
      for (let count = 0; count < 100; count += 1) await topic.publish('x'.repeat(2_000))
      const { code, out, error } = await runCli(['tail', address, '--from', from, '--count', '1'])
      expect(code).toBe(0)
      expect(error).toMatch(/^shmwire tail: \d+ messages lost: /)
      expect(JSON.parse(out)).toBe('x'.repeat(2_000))
    })

    it('prints the value of a cell and newer ones', async () => {
      await using cell = await createCell(address, 'one', { channel })
      const tail = new Cli(['tail', address, '--cell', '--count', '2'])
      await tail.printed('"one"\n')
      await cell.set('two')
      expect(await tail.ended).toMatchObject({ code: 0, out: '"one"\n"two"\n', error: '' })
    })

    it('fails with 1 if there is no topic at the address', async () => {
      await using _cell = await createCell(address, 1, { channel })
      const { code, error } = await runCli(['tail', address])
      expect(code).toBe(1)
      expect(error).toContain('ERR_SHMWIRE_NO_HANDLER')
    })
  })

  describe('shmwire call', () => {
    const Users = contract('test.Users', {
      getUser: unary({ input: z.object({ id: z.number() }), output: z.unknown() }),
      countTo: serverStream({ input: z.number(), output: z.object({ n: z.number() }) }),
      sum: clientStream({ input: z.number(), output: z.number() }),
    })

    async function users() {
      return serve(
        address,
        {
          getUser: ({ id }, { metadata }) => {
            if (id === 404)
              throw new ServiceError('NOT_FOUND', 'no such user', {
                reason: 'USER_NOT_FOUND',
                details: { id },
              })
            return { id, tenant: metadata.text('x-tenant') ?? null }
          },
          *countTo(last) {
            for (let n = 1; n <= last; n += 1) yield { n }
          },
          sum: async (requests) => {
            let total = 0
            for await (const n of requests) total += n
            return total
          },
        },
        { contract: Users, channel },
      )
    }

    it('calls a method of a contract by its name', async () => {
      await using _service = await users()
      const args = ['call', address, 'test.Users/getUser', '{"id":7}', '--header', 'X-Tenant=acme']
      expect(await runCli(args)).toMatchObject({ code: 0, out: '{"id":7,"tenant":"acme"}\n', error: '' })
    })

    it('prints each message of a stream as a line', async () => {
      await using _service = await users()
      const { code, out } = await runCli(['call', address, 'test.Users/countTo', '3'])
      expect({ code, out }).toEqual({ code: 0, out: '{"n":1}\n{"n":2}\n{"n":3}\n' })
    })

    it('sends the lines of stdin as a stream', async () => {
      await using _service = await users()
      const { code, out } = await runCli(['call', address, 'test.Users/sum', '-'], { input: '1\n2\n39\n' })
      expect({ code, out }).toEqual({ code: 0, out: '42\n' })
    })

    it('ends a stream with 1 at the deadline, and without one with --timeout 0', async () => {
      await using _service = await serve(
        address,
        {
          async *ticks() {
            for (let n = 1; ; n += 1) {
              yield n
              await new Promise((resolve) => setTimeout(resolve, 20))
            }
          },
        },
        { channel },
      )
      const bounded = await runCli(['call', address, 'ticks', '--timeout', '2'])
      expect(bounded.code).toBe(1)
      expect(bounded.error).toContain('ERR_SHMWIRE_TIMEOUT')
      const unbounded = new Cli(['call', address, 'ticks', '--timeout', '0'])
      await unbounded.printed('3\n')
      unbounded.process.kill()
      await unbounded.ended
    })

    it('prints the status, the reason and the details of an error, and ends with 1', async () => {
      await using _service = await users()
      const { code, out, error } = await runCli(['call', address, 'test.Users/getUser', '{"id":404}'])
      expect({ code, out }).toEqual({ code: 1, out: '' })
      expect(error).toBe(
        'shmwire call: no such user (ERR_SHMWIRE_SERVICE NOT_FOUND USER_NOT_FOUND)\ndetails: {"id":404}\n',
      )
    })

    it('suggests the method that is most similar to a missing one', async () => {
      await using _service = await users()
      const { code, error } = await runCli(['call', address, 'test.Users/getUsr'])
      expect(code).toBe(1)
      expect(error).toBe(
        "shmwire call: the service 'test.Users' has no method 'getUsr'; did you mean 'getUser'? " +
          '(its methods are getUser, countTo, sum)\n',
      )
    })

    it('describes the service with its built-in methods', async () => {
      await using _service = await users()
      const { out } = await runCli(['call', address, 'test.Users/$info'])
      expect(JSON.parse(out)).toMatchObject({
        name: 'test.Users',
        methods: [{ name: 'getUser', kind: 'unary' }, {}, {}],
      })
      expect((await runCli(['call', address, 'test.Users/$ping'])).out).toBe('null\n')
    })

    it('calls a method of a contract from a .proto file, without that file', async () => {
      const contracts = await loadContracts(new URL('../../../examples/users/users.binpb', import.meta.url))
      await using _service = await serve(
        address,
        {
          getUser: ({ id }: { id: number }) => ({ user: { id, name: 'Ann' } }),
          createUser: () => ({}),
          *streamUsers() {
            yield { id: 1 }
          },
          updateUser: () => ({}),
          deleteUser: () => ({}),
        },
        { contract: contracts.get('user.UserService'), channel },
      )
      const { code, out } = await runCli(['call', address, 'user.UserService/getUser', '{"id":7}'])
      expect({ code, out }).toEqual({ code: 0, out: '{"user":{"id":7,"name":"Ann"}}\n' })
      expect((await runCli(['call', address, 'user.UserService/streamUsers', '{}'])).out).toBe('{"id":1}\n')
    })

    it('calls a service without a contract and without a name', async () => {
      await using _service = await serve(
        address,
        {
          greet: ({ name }: { name: string }) => `hello ${name}`,
          async *many() {
            yield 1
            yield 2
          },
        },
        { channel },
      )
      expect((await runCli(['call', address, 'greet', '{"name":"Ann"}'])).out).toBe('"hello Ann"\n')
      expect((await runCli(['call', address, 'many'])).out).toBe('1\n2\n')
    })
  })
})

describe('shmwire tail', () => {
  // Windows ends a process at once.
  it.skipIf(IS_WINDOWS)('ends with 130 after Ctrl-C, and with 0 when its reader ends', async () => {
    await using topic = await createTopic(address)
    await topic.publish('ready')
    const tail = new Cli(['tail', address, '--from', 'oldest'])
    await tail.printed('"ready"\n')
    tail.process.kill('SIGINT')
    expect(await tail.ended).toMatchObject({ code: 130, signal: null, error: '' })
    const piped = new Cli(['tail', address, '--from', 'oldest'])
    await piped.printed('"ready"\n')
    piped.process.stdout.destroy()
    const publishing = setInterval(() => topic.tryPublish('more'), 20)
    try {
      expect(await piped.ended).toMatchObject({ code: 0, signal: null, error: '' })
    } finally {
      clearInterval(publishing)
    }
  })

  it('fails with 1 without a server', async () => {
    const { code, error } = await runCli(['tail', address])
    expect(code).toBe(1)
    expect(error).toContain('ERR_SHMWIRE_NOT_LISTENING')
  })

  it('fails with 1 when the publisher dies', async () => {
    const count = join(temporaryDirectory(), 'count')
    const publisher = new Child('topic-publisher', { args: [address, 'auto', 'lose', count, 1], ipc: true })
    publisher.send('publish')
    await publisher.next()
    const tail = new Cli(['tail', address, '--codec', 'bytes', '--from', 'oldest'])
    await tail.printed('{"base64":')
    await publisher.kill()
    const { code, error } = await tail.ended
    expect(code).toBe(1)
    expect(error).toContain('ERR_SHMWIRE_PEER_GONE')
  })
})

describe('wrong arguments', () => {
  it.each([
    [['send', 'a', 'no json'], /the message is not JSON: .*--text/],
    [['send', 'a', '1', '--topic', '--queue'], /exclude each other/],
    [['send', 'a', '1', '--topic', '--request'], /a topic does not answer/],
    [['send', 'a', '1', '--key', 'k'], /--name and --key are for --topic and --queue/],
    [['send', 'a', '1', '2'], /the argument '2' is one too many/],
    [['send', 'a', '1', '--codec', 'xml'], /--codec xml: the codecs are msgpack, json, bytes, v8/],
    [['send', 'a', '1', '--timeout', '-1'], /timeout/],
    [['send'], /the address of the server is missing/],
    [['tail', 'a', '--count', '0'], /--count 0: it must be an integer from 1/],
    [['tail', 'a', '--from', 'yesterday'], /--from yesterday: it must be next, last, oldest, or/],
    [['tail', 'a', '--cell', '--key', 'k'], /--from and --key are for topics/],
    [['send', 'no name!', '1'], /address is "no name!"; it must be/],
    [['send', 'a', '1', '--queue', '--name', 'no name!'], /name is .*; it must be words/],
    [['send', 'a', '1', '--queue', '--key', 'a b'], /key is "a b"; it must be words/],
    [['tail', 'a', '--key', 'a..b'], /keys is "a..b"; it must be/],
    [['tail', 'a', '--cell', '--name', 'x/y'], /name is .*; it must be words/],
    [['call', 'a', 'm', '--header', 'na me=x'], /na me/],
    [['metrics', 'tcp://host:1'], /reaches servers of this machine only/],
    [['top', 'tcp://host:1', '--once'], /reaches servers of this machine only/],
    [['send', 'a', '--codek', 'json'], /there is no option --codek; did you mean --codec\?/],
    [['send', 'a', '--codec'], /the option --codec needs a value/],
    [['list', '--json=1'], /the option --json takes no value/],
    [['call', 'a'], /the method is missing/],
    [['call', 'a', 'users/'], /the method is missing behind the slash/],
    [['call', 'a', 'm', '--header', 'x'], /--header x: it must have the form name=value/],
    [['bench', '--bytes', '0'], /--bytes 0: it must be an integer from 1 to 1048576/],
    [['doctor', 'now'], /the command takes no argument, not 'now'/],
    [
      ['choose', '--rate', 'low'],
      /without a terminal, these options are missing: --machines, --language, --receivers, --durability/,
    ],
    [['choose', '--rate', 'warp'], /--rate warp: it must be low, high, extreme, frames/],
  ] as const)('end with 2: %j', async (args, message) => {
    const { code, out, error } = await runCli(args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(error).toMatch(message)
    expect(error).toContain(`Usage: shmwire ${args[0]}`)
  })

  // Windows has no directory of sockets.
  it.skipIf(IS_WINDOWS)('are not those of a wrong SHMWIRE_DIR, which fails with 1', async () => {
    const { code, error } = await runCli(['send', 'a', '1'], { env: { SHMWIRE_DIR: 'relative' } })
    expect(code).toBe(1)
    expect(error).toMatch(/SHMWIRE_DIR is "relative"; it must be an absolute path \(ERR_SHMWIRE_/)
  })

  it('reports the line of stdin that is not JSON with 1', async () => {
    await using server = await listen(address)
    server.on('channel', (channel) => channel.on('message', () => {}))
    const { code, error } = await runCli(['send', address], { input: '1\n{\n' })
    expect(code).toBe(1)
    expect(error).toMatch(/^shmwire send: line 2 of the input is not JSON: /)
  })
})
