import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
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
    expect(parseAddress(name).path).toBe(`/run/app/${name}.sock`)
  })

  it('accepts an explicit path unchanged, with no directory to manage', () => {
    expect(parseAddress('unix:/srv/a b.sock')).toEqual({
      kind: 'unix',
      path: '/srv/a b.sock',
      text: 'unix:/srv/a b.sock',
      directory: undefined,
    })
  })

  it.each(['tcp://127.0.0.1:7000', 'grpc://host', 'pipe:x', 'ws://host', 'tls://host', 'prices:'])(
    'lists the supported forms for another scheme: %s',
    (address) => {
      const { message } = faultOf(address)
      expect(message).toContain(JSON.stringify(address))
      expect(message).toContain("'unix:/absolute/path.sock'")
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

  it('rejects a path that leaves no room for the other names of a server, with length, bound and remedy', () => {
    const longest = `unix:/${'x'.repeat(92)}`
    expect(parseAddress(longest).path).toHaveLength(93)
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
