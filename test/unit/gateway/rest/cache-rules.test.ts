import { describe, expect, it } from 'vitest'
import { CacheRules } from '../../../../src/gateway/rest/cache-rules.js'

const SERVICE = 'user.UserService'

describe('CacheRules', () => {
  it('demands revalidation by default, and stores nothing of unsafe methods', () => {
    const rules = new CacheRules()
    expect(rules.cacheControlOf('GET', SERVICE, 'getUser')).toBe('private, no-cache')
    expect(rules.cacheControlOf('HEAD', SERVICE, 'getUser')).toBe('private, no-cache')
    expect(rules.cacheControlOf('POST', SERVICE, 'createUser')).toBe('no-store')
  })

  it('uses the most specific pattern for safe methods', () => {
    const rules = new CacheRules({
      [`${SERVICE}/getUser`]: 'private, max-age=60',
      [`${SERVICE}/*`]: 'public, max-age=5, stale-while-revalidate=30, immutable',
      '*': 'no-store',
    })
    expect(rules.cacheControlOf('GET', SERVICE, 'getUser')).toBe('private, max-age=60')
    expect(rules.cacheControlOf('GET', SERVICE, 'listUsers')).toMatch(/^public/)
    expect(rules.cacheControlOf('GET', 'other.Service', 'get')).toBe('no-store')
    expect(rules.cacheControlOf('DELETE', SERVICE, 'getUser')).toBe('no-store')
  })

  it('rejects a pattern without a method', () => {
    const rules = new CacheRules({
      [`${SERVICE}/getUsr`]: 'no-store',
      '*': 'no-store',
      [`${SERVICE}/*`]: 'no-store',
    })
    expect(() => rules.checkMethods([`${SERVICE}/getUser`])).toThrow(
      'the option cache has "user.UserService/getUsr", which is not a method with a route of GET; did you mean "user.UserService/getUser"?',
    )
    expect(() => rules.checkMethods([`${SERVICE}/getUsr`])).not.toThrow()
  })

  it.each([
    ['', ''],
    ['max-age', 'max-age'],
    ['max-age=', 'max-age='],
    ['max-age=-1', 'max-age=-1'],
    ['max-age=1=2', 'max-age=1=2'],
    ['max-age=1.5', 'max-age=1.5'],
    ['private, maxage=60', 'maxage=60'],
    ['private;max-age=60', 'private;max-age=60'],
    ['no-store=1', 'no-store=1'],
    ['private,, no-cache', ''],
    ['no-store\r\nx: y', 'no-store\r\nx: y'],
  ])('rejects the value %j', (value, directive) => {
    expect(() => new CacheRules({ '*': value })).toThrow(
      expect.objectContaining({
        code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
        message: expect.stringContaining(`it has ${JSON.stringify(directive)}`),
      }),
    )
  })

  it('rejects other values', () => {
    expect(() => new CacheRules({ '*': 60 as never })).toThrow('cache["*"] is 60')
    expect(() => new CacheRules('no-store' as never)).toThrow('cache is "no-store"')
    expect(() => new CacheRules({ '*': 'public, private' })).toThrow('both public and private')
  })
})
