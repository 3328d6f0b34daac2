import { ServerCredentials } from '@grpc/grpc-js'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import { grpcService } from '../../../../src/gateway/grpc/grpc-service.js'
import {
  type GrpcServiceOptions,
  resolveGrpcServiceOptions,
} from '../../../../src/gateway/grpc/grpc-service-options.js'
import { Authority, type Certificate } from '../../../support/certificates.js'
import {
  answer,
  endTestServers,
  GrpcTestServer,
  type TestUsers,
  usersAt,
} from '../../../support/grpc-server.js'
import { failure, testContract } from '../../../support/services.js'

const authority = new Authority()
const stranger = new Authority()
const server = authority.sign('localhost')
const client = authority.sign('client')
afterEach(endTestServers)

afterAll(() => {
  authority.remove()
  stranger.remove()
})

async function secure({ ca, cert, key }: Certificate, mutual: boolean): Promise<string> {
  const pair = { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }
  const credentials = ServerCredentials.createSsl(Buffer.from(ca), [pair], mutual)
  const { port } = await GrpcTestServer.start(
    {
      GetUser: answer((_request, metadata) => ({
        user: { emails: metadata.get('authorization') as string[] },
      })),
    },
    { credentials },
  )
  return `localhost:${port}`
}

async function connected(address: string, options: GrpcServiceOptions): Promise<TestUsers> {
  return usersAt(address, options)
}

describe('the options of grpcService', () => {
  it.each<[string, object, string]>([
    ['localhost', {}, 'address'],
    ['localhost:0', {}, 'address'],
    ['localhost:65536', {}, 'address'],
    ['tcp://localhost:1', {}, 'address'],
    ['localhost:1', { timeout: 5 }, 'did you mean "timeoutMs"'],
    ['localhost:1', { timeoutMs: -1 }, 'timeoutMs'],
    ['localhost:1', { retries: 11 }, 'retries'],
    ['localhost:1', { connections: 0 }, 'connections'],
    ['localhost:1', { connections: 65 }, 'connections'],
    ['localhost:1', { maxMessageBytes: 0 }, 'maxMessageBytes'],
    ['localhost:1', { insecure: 1 }, 'insecure'],
    ['localhost:1', { token: 5 }, 'token'],
    ['localhost:1', { metadata: { 'x y': 'z' } }, 'metadata'],
    ['localhost:1', { tls: { certificate: '' } }, 'certificate'],
    ['localhost:1', { tls: { rejectUnauthorized: false } }, 'rejectUnauthorized'],
    ['localhost:1', { tls: { cert: 'no certificate' } }, 'the option tls for localhost:1'],
    ['localhost:1', { tls: { servername: '' } }, 'tls.servername'],
    ['localhost:1', { tls: { checkServerIdentity: 5 } }, 'tls.checkServerIdentity'],
    ['localhost:1', { keepAlive: { intervalMs: 999 } }, 'keepAlive.intervalMs'],
    ['localhost:1', { keepAlive: { timeoutMs: 1 } }, 'keepAlive.timeoutMs'],
    ['localhost:1', { keepAlive: { interval: 1 } }, 'interval'],
  ])('refuse %s with %j', (address, options, named) => {
    expect(() => resolveGrpcServiceOptions(address, options)).toThrow(
      expect.objectContaining({
        code: ErrorCode.INVALID_ARGUMENT,
        message: expect.stringContaining(named) as string,
      }) as Error,
    )
  })

  it.each(['example.com:50051', '10.0.0.1:50051', '[2001:db8::1]:50051'])(
    'refuse plain text to %s without insecure: true',
    (address) => {
      expect(() => resolveGrpcServiceOptions(address, { token: 't' })).toThrow('insecure: true')
      resolveGrpcServiceOptions(address, { token: 't', insecure: true })
      resolveGrpcServiceOptions(address, { token: 't', tls: {} })
    },
  )

  it.each(['localhost:1', '127.0.0.1:1', '[::1]:1'])('accept plain text to %s', (address) => {
    resolveGrpcServiceOptions(address, { token: 't' })
  })

  it('have no pings with an infinite interval, and no proxy within the machine', () => {
    const { grpc } = resolveGrpcServiceOptions('localhost:1', {
      keepAlive: { intervalMs: Number.POSITIVE_INFINITY },
    })
    expect(grpc['grpc.keepalive_time_ms']).toBeUndefined()
    expect(grpc['grpc.enable_http_proxy']).toBe(0)
    const remote = resolveGrpcServiceOptions('example.com:1', { tls: {} }).grpc
    expect(remote['grpc.keepalive_time_ms']).toBe(300_000)
    expect(remote['grpc.enable_http_proxy']).toBeUndefined()
  })
})

describe('the contract of grpcService', () => {
  it('comes from a .proto file', async () => {
    for (const contract of [testContract({ echo: 'unary' }), {}, undefined])
      expect(await failure(grpcService(contract as never, 'localhost:1'))).toMatchObject({
        code: ErrorCode.INVALID_ARGUMENT,
      })
    expect(await failure(grpcService(testContract({ echo: 'unary' }) as never, 'localhost:1'))).toMatchObject(
      {
        message: expect.stringContaining('test.Service does not come from a .proto file') as string,
      },
    )
  })
})

describe('TLS', () => {
  it('connects to a server whose certificate is trusted', async () => {
    const service = await connected(await secure(server, false), { tls: { ca: authority.ca }, token: 'abc' })
    expect((await service.getUser({})).user.emails).toEqual(['Bearer abc'])
  })

  it('connects with the certificate of the client', async () => {
    const address = await secure(server, true)
    const { cert, key, ca } = client
    await (await connected(address, { tls: { ca, cert, key } })).getUser({})
    expect(
      await failure(usersAt(address, { tls: { ca } }).then((service) => service.getUser({}))),
    ).toMatchObject({
      status: 'UNAVAILABLE',
    })
  })

  it.each<[string, GrpcServiceOptions['tls'], RegExp]>([
    ['a stranger signed it', { ca: stranger.ca }, /self-signed certificate|unable to/],
    ['no authority is given', {}, /self-signed certificate|unable to/],
    ['it has another name', { ca: authority.ca, servername: 'example.com' }, /example\.com/],
    [
      'it is refused',
      { ca: authority.ca, checkServerIdentity: () => new Error('not this one') },
      /not this one/,
    ],
  ])('refuses the certificate of a server if %s', async (_reason, tls, text) => {
    const address = await secure(server, false)
    expect(await failure(usersAt(address, { tls }))).toMatchObject({
      code: ErrorCode.UNAVAILABLE,
      executed: 'no',
      message: expect.stringMatching(text) as string,
    })
  })

  it('says what to do about a certificate that no authority of the client has signed', async () => {
    const address = await secure(server, false)
    expect((await failure(usersAt(address, { tls: { ca: stranger.ca } }))).message).toMatch(
      /; check the option tls, and the certificate of the server$/,
    )
  })

  it('does not speak to a server without TLS, nor without TLS to one with it', async () => {
    const { port } = await GrpcTestServer.start({ GetUser: answer(() => ({})) })
    expect(await failure(usersAt(`localhost:${port}`, { tls: { ca: authority.ca } }))).toMatchObject({
      code: ErrorCode.UNAVAILABLE,
    })
    const address = await secure(server, false)
    const plain = usersAt(address).then((service) => service.getUser({}))
    expect(await failure(plain)).toMatchObject({ status: 'UNAVAILABLE' })
  })
})
