import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { parsePipeAddress } from '../../src/address/pipe-address.js'
import { parseAddress } from '../../src/address.js'
import { ErrorCode, ShmwireError } from '../../src/errors.js'

beforeEach(() => void vi.stubEnv('SHMWIRE_DIR', '/run/app'))
afterEach(() => void vi.unstubAllEnvs())

function faultOf(address: unknown): ShmwireError {
  try {
    parseAddress(address as string)
  } catch (error) {
    expect(error).toBeInstanceOf(ShmwireError)
    expect((error as ShmwireError).code).toBe(ErrorCode.INVALID_ARGUMENT)
    return error as ShmwireError
  }
  throw new Error(`${String(address)} was accepted`)
}

describe('parseAddress', () => {
  it('puts a plain name into the runtime directory', () => {
    expect(parseAddress('prices')).toEqual({
      kind: 'unix',
      path: '/run/app/prices.sock',
      text: 'prices',
      directory: '/run/app',
    })
  })

  it.each(['a', '_x', '0', 'a.b-c_D', 'x'.repeat(64)])('accepts the name %s', (name) => {
    expect(parseAddress(name)).toMatchObject({ path: `/run/app/${name}.sock` })
  })

  it('accepts an explicit path unchanged, with no directory to manage', () => {
    expect(parseAddress('unix:/srv/a b.sock')).toEqual({
      kind: 'unix',
      path: '/srv/a b.sock',
      text: 'unix:/srv/a b.sock',
      directory: undefined,
    })
  })

  it.each(['grpc://host', 'ws://host', 'http://host:80', 'prices:'])(
    'lists the supported forms for another scheme: %s',
    (address) => {
      const { message } = faultOf(address)
      expect(message).toContain(JSON.stringify(address))
      expect(message).toContain("'unix:/absolute/path.sock', 'tcp://host:port'")
      expect(message).toContain('is not supported')
    },
  )

  it.each([
    ['a slash', 'a/b'],
    ['nothing', ''],
    ['300 characters', 'x'.repeat(300)],
    ['65 characters', 'x'.repeat(65)],
    ['a leading dot', '.hidden'],
    ['a parent directory', '..'],
    ['a space', 'a b'],
    ['a newline at the end', 'a\n'],
    ['half a character', 'unix:/srv/\ud800.sock'],
    ['the other half of a character', 'unix:/srv/a\udc00/s'],
    ['a letter that is not ASCII', 'ä'],
    ['a zero byte', 'a\0b'],
    ['a zero byte in a path', 'unix:/tmp/a\0b'],
    ['a number', 7],
    ['undefined', undefined],
    ['an object', {}],
  ])('rejects %s with the remedy', (_what, address) => {
    const { message } = faultOf(address)
    expect(message).toContain('address is')
    expect(message).toContain("a plain name such as 'prices'")
    expect(message.length).toBeLessThan(400)
  })

  it.each([
    ['a relative path', 'unix:run/a.sock', "it must be 'unix:' and a path that begins with /"],
    ['no path', 'unix:', "it must be 'unix:' and a path that begins with /"],
    ['a directory', 'unix:/tmp/', "it must be 'unix:' and the path of a file, which does not end in /"],
    [
      "the name of another server's claim",
      'unix:/tmp/a.sock.1',
      'which shmwire reserves; choose another path',
    ],
    [
      "the name of another server's handover socket",
      'unix:/tmp/a.sock.fd',
      'which shmwire reserves; choose another path',
    ],
    [
      "the name of another server's temporary",
      'unix:/tmp/a.sock.0123456789ab~',
      'which shmwire reserves; choose another path',
    ],
  ])('rejects %s with the fault of the path', (_what, address, fault) => {
    const { message } = faultOf(address)
    expect(message).toContain(JSON.stringify(address))
    expect(message).toContain(fault)
  })

  it.each([
    ['tcp://127.0.0.1:7000', 'tcp', '127.0.0.1', 7000],
    ['tcp://[::1]:0', 'tcp', '::1', 0],
    ['tls://db-1.example.org:65535', 'tls', 'db-1.example.org', 65_535],
    ['tls://[fe80::1:2]:443', 'tls', 'fe80::1:2', 443],
  ] as const)('takes host and port from %s', (text, kind, host, port) => {
    expect(parseAddress(text)).toEqual({ kind, host, port, text })
  })

  it.each([
    ['no port', 'tcp://localhost'],
    ['an empty port', 'tcp://localhost:'],
    ['a port beyond 65535', 'tcp://localhost:65536'],
    ['a negative port', 'tcp://localhost:-1'],
    ['no host', 'tcp://:7000'],
    ['no slashes', 'tcp:localhost:7000'],
    ['an IPv6 address without brackets', 'tcp://::1:7000'],
    ['a host name in brackets', 'tcp://[localhost]:7000'],
    ['an IPv4 address in brackets', 'tcp://[127.0.0.1]:7000'],
    ['a user', 'tls://me@host:7000'],
    ['a path', 'tls://host:7000/prices'],
    ['a space', 'tcp://ho st:7000'],
    ['a host that ends in a hyphen', 'tcp://host-:7000'],
    ['a long host', `tcp://${'x'.repeat(254)}:7000`],
  ])('rejects a network address with %s', (_what, address) => {
    const { message } = faultOf(address)
    expect(message).toMatch(/^address is .*; it must be 't(cp|ls):\/\/' with a host, a colon and a port/)
  })

  it('refuses a named pipe on other systems than Windows', () => {
    expect(faultOf('pipe:prices').message).toContain(`this system is ${process.platform}`)
    expect(faultOf('pipe:a/b').message).toContain("it must be 'pipe:' and a name")
    expect(parsePipeAddress('pipe:prices', 'win32')).toEqual({
      kind: 'pipe',
      path: String.raw`\\.\pipe\shmwire-prices`,
      isPrivate: false,
      text: 'pipe:prices',
    })
  })

  it('rejects a path that leaves no room for the other names of a server, with length, bound and remedy', () => {
    const longest = `unix:/${'x'.repeat(92)}`
    expect(parseAddress(longest)).toMatchObject({ path: `/${'x'.repeat(92)}` })
    const { message } = faultOf(`${longest}x`)
    expect(message).toContain('of 94 bytes, more than 93')
    expect(message).toContain('choose a shorter path')
  })

  it('counts bytes, not characters', () => {
    expect(faultOf(`unix:/${'ä'.repeat(47)}`).message).toContain('of 95 bytes')
  })

  it('names SHMWIRE_DIR as the remedy when the runtime directory is too long', () => {
    vi.stubEnv('SHMWIRE_DIR', `/${'d'.repeat(100)}`)
    expect(faultOf('prices').message).toContain('set SHMWIRE_DIR to a shorter directory')
  })

  it('rejects a relative SHMWIRE_DIR', () => {
    vi.stubEnv('SHMWIRE_DIR', 'run/app')
    expect(faultOf('prices').message).toContain('SHMWIRE_DIR is "run/app"; it must be an absolute path')
  })
})
