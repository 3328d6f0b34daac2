import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import { checkHeaders } from '../../../../src/gateway/tunnel/call-headers.js'
import { parseTunnelAddress } from '../../../../src/gateway/tunnel/tunnel-address.js'
import { type ChannelOptions, resolveOptions } from '../../../../src/options.js'

const authorize = (): boolean => true
const GRPC = { scheme: 'grpc://', kind: 'tcp' } as const
const WSS = { scheme: 'wss://', kind: 'tls', defaultPort: 443, hasPath: true } as const
const parse = (text: string, options: ChannelOptions = { authorize }) =>
  parseTunnelAddress(
    text,
    { ...GRPC, kind: options.tls === undefined ? 'tcp' : 'tls' },
    resolveOptions(options),
  )
const parseWss = (text: string) => parseTunnelAddress(text, WSS, resolveOptions())

describe('the address of a tunnel', () => {
  it('has the gateway and the name of the server', () => {
    const gateway = { kind: 'tcp', host: '127.0.0.1', port: 7000, text: 'grpc://127.0.0.1:7000/prices' }
    expect(parse('grpc://127.0.0.1:7000/prices')).toEqual({ gateway, path: '/prices', name: 'prices' })
    expect(parse('grpc://[::1]:7000/a.b').gateway).toMatchObject({ host: '::1', kind: 'tcp' })
    expect(parse('grpc://example.com:443/a', { tls: {} }).gateway).toMatchObject({ kind: 'tls', port: 443 })
  })

  it.each([
    'grpc://127.0.0.1:7000',
    'grpc://127.0.0.1:7000/',
    'grpc://127.0.0.1:7000/a/b',
    'grpc://127.0.0.1:7000/.a',
    'grpc://127.0.0.1/a',
    'grpc://127.0.0.1:70000/a',
    'grpc://::1:7000/a',
    'http://127.0.0.1:7000/a',
    'prices',
  ])('rejects %s', (text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }))
  })

  it('can have a path and no port, in the form of a WebSocket', () => {
    expect(parseWss('wss://example.com/any/prefix/prices')).toMatchObject({
      gateway: { kind: 'tls', host: 'example.com', port: 443 },
      path: '/any/prefix/prices',
      name: 'prices',
    })
    expect(parseWss('wss://[::1]:7000/a')).toMatchObject({ gateway: { host: '::1', port: 7000 }, path: '/a' })
  })

  it.each([
    'wss://example.com',
    'wss://example.com/',
    'wss://a//b',
    'wss://a/b?c',
    'wss://a/b c/d',
    'ws://a/b',
  ])('rejects %s as the form of a WebSocket over TLS', (text) => {
    expect(() => parseWss(text)).toThrow(expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }))
  })

  it.each<[string, string, ChannelOptions, RegExp]>([
    ['a port 0', 'grpc://127.0.0.1:0/a', { authorize }, /port 0/],
    ['plain text beyond this machine', 'grpc://192.0.2.1:1/a', { authorize }, /insecure: true/],
    ['plain text without authorize', 'grpc://127.0.0.1:1/a', {}, /option authorize/],
    ['insecure plain text without authorize', 'grpc://192.0.2.1:1/a', { insecure: true }, /option authorize/],
    [
      'a certificate that is not verified',
      'grpc://a:1/a',
      { tls: { rejectUnauthorized: false } },
      /not verified/,
    ],
    ['shared memory', 'grpc://127.0.0.1:1/a', { authorize, transport: 'shm' }, /transport 'shm'/],
  ])('rejects %s', (_what, text, options, message) => {
    expect(() => parse(text, options)).toThrow(message)
  })

  it('accepts plain text beyond this machine with insecure: true', () => {
    expect(parse('grpc://192.0.2.1:1/a', { authorize, insecure: true }).gateway.host).toBe('192.0.2.1')
  })
})

describe('the headers of a call', () => {
  it('are any lower-case names with visible ASCII characters', () => {
    expect(() => checkHeaders({ authorization: 'Bearer a.b', 'x-id': '' })).not.toThrow()
  })

  it.each([
    [null],
    [{ ':path': '/' }],
    [{ Authorization: 'a' }],
    [{ te: 'a' }],
    [{ 'grpc-timeout': '1S' }],
    [{ 'a-bin': 'a' }],
    [{ a: 1 }],
    [{ a: 'b\nc' }],
    [{ a: 'ä' }],
  ])('are not %j', (headers) => {
    expect(() => checkHeaders(headers)).toThrow(expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }))
  })

  it('do not appear in an error', () => {
    expect(() => checkHeaders({ a: 'secret\n' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    )
  })
})
