import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nkeys } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JetStreamOptions } from '../../../src/engine/nats/index.js'
import { jetStream } from '../../../src/engine/nats/index.js'
import { ErrorCode } from '../../../src/errors.js'
import { Authority } from '../../support/certificates.js'
import { operatorFiles } from '../../support/nats-credentials.js'
import { NATS_REASON, NATS_VERSION, NatsServer, openEngine } from '../../support/nats-server.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

/** Pushes a job and runs it. */
async function use(server: NatsServer, options: Partial<JetStreamOptions>): Promise<unknown> {
  const engine = openEngine(server, options)
  await engine.createQueue('logins', {})
  const queue = await engine.openQueue('logins', {})
  const worker = await engine.work<number, number>('logins', (job) => job + 1, {})
  const result = await queue.request(1)
  await worker.close()
  await engine.close()
  return result
}

const denied = (text: string) => ({ code: ErrorCode.DENIED, message: expect.stringContaining(text) })

describe.skipIf(NATS_VERSION === undefined)(`the login of the JetStream engine${NATS_REASON}`, () => {
  it('accepts the right user and password, and reports others as DENIED', async () => {
    const config = 'authorization { users: [{ user: "app", password: "secret" }] }'
    const server = await NatsServer.start({ config })
    expect(await use(server, { user: 'app', password: 'secret' })).toBe(2)
    expect(await use(server, { user: 'app', password: () => 'secret' })).toBe(2)
    await expect(use(server, { user: 'app', password: 'wrong' })).rejects.toMatchObject(
      denied('refuses the login'),
    )
    await expect(use(server, {})).rejects.toMatchObject(denied('refuses the login'))
  })

  it('accepts the right token', async () => {
    const server = await NatsServer.start({ config: 'authorization { token: "secret" }' })
    expect(await use(server, { token: 'secret' })).toBe(2)
    expect(await use(server, { token: () => 'secret' })).toBe(2)
    await expect(use(server, { token: 'wrong' })).rejects.toMatchObject(denied('refuses the login'))
  })

  it('accepts the right nkey', async () => {
    const user = nkeys.createUser()
    const server = await NatsServer.start({
      config: `authorization { users: [{ nkey: ${user.getPublicKey()} }] }`,
    })
    const seedOf = (pair: typeof user): string => Buffer.from(pair.getSeed()).toString()
    expect(await use(server, { nkeySeed: seedOf(user) })).toBe(2)
    await expect(use(server, { nkeySeed: seedOf(nkeys.createUser()) })).rejects.toMatchObject(
      denied('refuses the login'),
    )
    await expect(use(server, { nkeySeed: 'SUxx' })).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
      message: expect.stringContaining('nkeySeed is not the seed of an nkey'),
    })
  })

  it('accepts the right credentials file', async () => {
    const { config, credentialsFile, foreignFile } = operatorFiles()
    const server = await NatsServer.start({ config })
    expect(await use(server, { credentialsFile })).toBe(2)
    await expect(use(server, { credentialsFile: foreignFile })).rejects.toMatchObject(
      denied('refuses the login'),
    )
    await expect(
      use(server, { credentialsFile: join(temporaryDirectory(), 'absent') }),
    ).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
      message: expect.stringContaining('cannot be read: ENOENT'),
    })
  })

  it('reports a missing permission as DENIED', async () => {
    const users =
      '{ user: "app", password: "secret", permissions: { publish: ["$JS.API.INFO"], subscribe: ["_INBOX.>"] } }'
    const server = await NatsServer.start({ config: `authorization { users: [${users}] }` })
    await expect(use(server, { user: 'app', password: 'secret' })).rejects.toMatchObject(
      denied('does not permit'),
    )
  })

  it('reports absent servers and absent JetStream', async () => {
    const server = await NatsServer.start({ jetstream: false })
    await expect(use(server, {})).rejects.toMatchObject({
      code: ErrorCode.UNAVAILABLE,
      message: expect.stringContaining('start nats-server with -js'),
    })
    await server.stop()
    await expect(use(server, {})).rejects.toMatchObject({
      code: ErrorCode.NOT_LISTENING,
      message: expect.stringContaining('no server listens there'),
    })
  })

  it('connects at the next call after a failure', async () => {
    const server = await NatsServer.start()
    await server.stop()
    const engine = openEngine(server)
    await expect(engine.createQueue('q', {})).rejects.toMatchObject({ code: ErrorCode.NOT_LISTENING })
    await server.start()
    await engine.createQueue('q', {})
  })

  describe('with TLS', () => {
    let authority: Authority
    beforeAll(() => {
      authority = new Authority()
    })
    afterAll(() => authority.remove())

    async function startTls(more = ''): Promise<NatsServer> {
      const directory = temporaryDirectory()
      const { cert, key, ca } = authority.sign('localhost')
      const files = { cert, key, ca }
      for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
      const path = (name: string): string => JSON.stringify(join(directory, name))
      return NatsServer.start({
        config: `tls { cert_file: ${path('cert')}, key_file: ${path('key')}, ca_file: ${path('ca')}, timeout: 10 ${more} }`,
      })
    }

    it('verifies the certificate of the server', async () => {
      const server = await startTls()
      const { ca } = authority
      expect(await use(server, { tls: { ca } })).toBe(2)
      const engine = openEngine(server, { servers: `tls://localhost:${server.port}`, tls: { ca } })
      await engine.createQueue('q', {})
      await expect(use(server, { tls: true })).rejects.toMatchObject(denied('TLS fails'))
      await expect(use(server, { tls: { ca: new Authority().ca } })).rejects.toMatchObject(
        denied('TLS fails'),
      )
    })

    it('sends a client certificate to servers that verify it', async () => {
      const server = await startTls(', verify: true')
      const { ca, cert, key } = authority.sign('client')
      expect(await use(server, { tls: { ca, cert, key } })).toBe(2)
      await expect(use(server, { tls: { ca } })).rejects.toMatchObject({
        code: expect.stringMatching(/DENIED|UNAVAILABLE/),
      })
      const stranger = new Authority().sign('client')
      await expect(
        use(server, { tls: { ca, cert: stranger.cert, key: stranger.key } }),
      ).rejects.toMatchObject({
        code: expect.stringMatching(/DENIED|UNAVAILABLE/),
      })
    })

    it('refuses servers without TLS if tls is set', async () => {
      const server = await NatsServer.start()
      await expect(use(server, { tls: { ca: authority.ca } })).rejects.toThrow(
        "server does not support 'tls'",
      )
    })
  })

  it('rejects options that contradict each other, before it connects', () => {
    const open = (options: object) => () => jetStream({ servers: '127.0.0.1', ...options })
    expect(open({ user: 'a' })).toThrow('user and password belong together')
    expect(open({ user: 'a', password: 'b', token: 'c' })).toThrow('user and token exclude each other')
    expect(open({ token: 5 })).toThrow('token is a number; it must be a string or a function')
    expect(open({ servers: [] })).toThrow('1 to 64 servers')
    expect(open({ servers: 'nats://user:pass@127.0.0.1:4222' })).toThrow(
      'servers contains an address of another form',
    )
    expect(open({ servers: 'nats.example.com' })).toThrow('nats.example.com:4222 is not on this machine')
    expect(open({ servers: 'nats.example.com', insecure: true })).not.toThrow()
    expect(open({ servers: 'tls://nats.example.com' })).not.toThrow()
    expect(open({ servers: 'tls://nats.example.com', tls: false })).toThrow('tls is false')
    expect(open({ tls: { cert: 'x' } })).toThrow('tls needs cert and key together')
    expect(open({ tls: { certs: 'x' } })).toThrow('did you mean "tls.cert"?')
    expect(open({ server: 'x' })).toThrow('did you mean "servers"?')
    expect(open({ prefix: 'a.b' })).toThrow('prefix is "a.b"')
    expect(open({ replicas: 6 })).toThrow('replicas is 6; it must be an integer from 1 to 5')
    expect(open({ leaseMs: 5 })).toThrow('leaseMs is 5')
  })
})
