import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import { type ApiKey, type ApiKeysOptions, apiKeys } from '../../../../src/gateway/auth/index.js'
import { clientWith } from '../../../support/tokens.js'

const KEY = 'abcdefghijklmnop'
const OTHER = 'ponmlkjihgfedcba'
const identity = { subject: 'batch', scopes: ['users:read'] }
const found = { subject: 'batch', scopes: ['users:read'], roles: [] }

describe('apiKeys', () => {
  const auth = apiKeys([
    { key: KEY, identity },
    {
      sha256: createHash('sha256').update(OTHER).digest('hex').toUpperCase(),
      identity: { subject: 'other' },
    },
  ])

  it('finds the identity of a key, or of its hash', () => {
    expect(auth.authenticate(clientWith({ 'x-api-key': KEY }))).toEqual(found)
    expect(auth.authenticate(clientWith({ 'x-api-key': OTHER }))).toMatchObject({ subject: 'other' })
  })

  it('finds no credentials without the header', () => {
    expect(auth.authenticate(clientWith({ authorization: `Bearer ${KEY}` }))).toBeUndefined()
  })

  it.each(
    [
      [
        '',
        'x',
        KEY.slice(1),
        `${KEY}x`,
        KEY.toUpperCase(),
        ` ${KEY}`,
        `${KEY}, ${KEY}`,
        'x'.repeat(100_000),
        'ä'.repeat(16),
      ],
    ].flat(),
  )('refuses the key %#, without quoting it', (key) => {
    const refused = (): unknown => auth.authenticate(clientWith({ 'x-api-key': key }))
    const error = { code: ErrorCode.SERVICE, status: 'UNAUTHENTICATED', reason: 'INVALID_KEY' }
    expect(refused).toThrow(expect.objectContaining(error) as Error)
    expect(refused).toThrow('the key in the header x-api-key is not known')
  })

  it('refuses several headers', () => {
    expect(() => auth.authenticate(clientWith({ 'x-api-key': [KEY, KEY] }))).toThrow('is not known')
  })

  it('reads another header', () => {
    const other = apiKeys([{ key: KEY, identity }], { header: 'x-key', realm: 'users' })
    expect(other.authenticate(clientWith({ 'x-key': KEY }))).toEqual(found)
    expect(other.securityScheme).toEqual({ type: 'apiKey', in: 'header', name: 'x-key' })
    expect(other.challenge).toBe('ApiKey realm="users"')
  })

  it('does not share its identities with the program', () => {
    const scopes = ['a']
    const own = apiKeys([{ key: KEY, identity: { subject: 's', scopes } }])
    scopes.push('b')
    expect(own.authenticate(clientWith({ 'x-api-key': KEY }))).toMatchObject({ scopes: ['a'] })
  })

  it.each<[string, unknown, ApiKeysOptions | undefined, RegExp]>([
    ['no list', undefined, undefined, /keys is undefined/],
    ['an empty list', [], undefined, /keys/],
    ['too many keys', Array.from({ length: 10_001 }), undefined, /10000/],
    ['no object', [5], undefined, /keys\[0\]/],
    ['a short key', [{ key: 'x'.repeat(15), identity }], undefined, /16 to 512/],
    ['a long key', [{ key: 'x'.repeat(513), identity }], undefined, /16 to 512/],
    ['a key with a space', [{ key: `${KEY} x`, identity }], undefined, /without spaces/],
    ['no key', [{ identity }], undefined, /one of key and sha256/],
    ['both forms', [{ key: KEY, sha256: 'x', identity }], undefined, /one of key and sha256/],
    ['a short hash', [{ sha256: 'abc', identity }], undefined, /64 hexadecimal/],
    ['an unknown member', [{ key: KEY, identity, scope: 'x' }], undefined, /unknown option "scope"/],
    ['no identity', [{ key: KEY }], undefined, /keys\[0\].identity.subject/],
    ['the role local', [{ key: KEY, identity: { subject: 's', roles: ['local'] } }], undefined, /role local/],
    [
      'one key twice',
      [
        { key: KEY, identity },
        { key: KEY, identity },
      ],
      undefined,
      /keys\[1\] is there already/,
    ],
    ['a header in upper case', [{ key: KEY, identity }], { header: 'X-Key' }, /lower case/],
    ['an unknown option', [{ key: KEY, identity }], { name: 'x' } as ApiKeysOptions, /unknown option/],
  ])('refuses %s', (_name, keys, options, message) => {
    const attempt = (): unknown => apiKeys(keys as ApiKey[], options)
    expect(attempt).toThrow(expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }) as Error)
    expect(attempt).toThrow(message)
    expect(attempt).not.toThrow(KEY)
  })
})
