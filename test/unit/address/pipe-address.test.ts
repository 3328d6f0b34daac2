import { afterEach, describe, expect, it, vi } from 'vitest'
import { fromPipeName, parsePipeAddress } from '../../../src/address/pipe-address.js'

afterEach(() => vi.unstubAllEnvs())

describe('a plain name on Windows', () => {
  it('becomes a private pipe with a part for the user', () => {
    expect(fromPipeName('prices')).toEqual({
      kind: 'pipe',
      path: expect.stringMatching(/^\\\\\.\\pipe\\shmwire-[0-9a-f]{16}-prices$/),
      text: 'prices',
      isPrivate: true,
    })
    expect(fromPipeName('prices')).toEqual(fromPipeName('prices'))
  })

  it('becomes another pipe for another SHMWIRE_DIR, whose case has no meaning', () => {
    const own = fromPipeName('prices').path
    vi.stubEnv('SHMWIRE_DIR', '/srv/one')
    const one = fromPipeName('prices').path
    vi.stubEnv('SHMWIRE_DIR', '/srv/two')
    expect(new Set([own, one, fromPipeName('prices').path]).size).toBe(3)
    vi.stubEnv('SHMWIRE_DIR', '/SRV/One')
    expect(fromPipeName('prices').path).toBe(one)
  })

  it.each(['', '-a', 'a b', 'a/b', 'a\\b', 'x'.repeat(65)])('refuses the name %j', (name) => {
    expect(() => fromPipeName(name)).toThrow('it must be a plain name')
  })

  it('refuses a relative SHMWIRE_DIR', () => {
    vi.stubEnv('SHMWIRE_DIR', 'relative')
    expect(() => fromPipeName('prices')).toThrow('SHMWIRE_DIR')
  })
})

describe('pipe:', () => {
  it('is a pipe that all users share, without a part for the user', () => {
    expect(parsePipeAddress('pipe:prices', 'win32')).toEqual({
      kind: 'pipe',
      path: '\\\\.\\pipe\\shmwire-prices',
      text: 'pipe:prices',
      isPrivate: false,
    })
  })
})
