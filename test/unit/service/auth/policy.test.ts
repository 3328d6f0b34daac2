import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import { type Policy, type PolicyRules, policy } from '../../../../src/service/auth/policy.js'
import { ServiceError } from '../../../../src/service-error.js'

/** A thenable whose `then` returns nothing. */
class Odd {
  readonly #allowed: boolean

  constructor(allowed: boolean) {
    this.#allowed = allowed
    Object.defineProperty(this, ['t', 'hen'].join(''), { value: this.#settle })
  }

  readonly #settle = (resolve: (allowed: boolean) => void): void => void setImmediate(resolve, this.#allowed)
}

const READER = { subject: 'ann', scopes: ['users:read'] }
const ADMIN = { subject: 'bob', roles: ['admin'] }

async function outcome(
  rules: Policy,
  identity: typeof READER | typeof ADMIN | undefined,
  call: string,
): Promise<unknown> {
  const [service = '', method = ''] = call.split('/')
  try {
    await rules.check(identity, { service, method })
    return 'allowed'
  } catch (error) {
    return (error as ServiceError).status
  }
}

describe('a policy', () => {
  it('allows what the most specific rule allows, and denies the rest', async () => {
    const rules = policy({
      's/read': ['users:read', 'admin'],
      's/*': ['admin'],
      'open/*': true,
      'open/closed': [],
    })
    const outcomes = async (call: string): Promise<unknown[]> =>
      Promise.all([READER, ADMIN, undefined].map((identity) => outcome(rules, identity, call)))
    expect(await outcomes('s/read')).toEqual(['allowed', 'allowed', 'UNAUTHENTICATED'])
    expect(await outcomes('s/write')).toEqual(['PERMISSION_DENIED', 'allowed', 'UNAUTHENTICATED'])
    expect(await outcomes('s/$info')).toEqual(['PERMISSION_DENIED', 'allowed', 'UNAUTHENTICATED'])
    expect(await outcomes('open/x')).toEqual(['allowed', 'allowed', 'allowed'])
    expect(await outcomes('open/closed')).toEqual([
      'PERMISSION_DENIED',
      'PERMISSION_DENIED',
      'UNAUTHENTICATED',
    ])
    expect(await outcomes('other/x')).toEqual(['PERMISSION_DENIED', 'PERMISSION_DENIED', 'UNAUTHENTICATED'])
    expect(await outcomes('other/$ping')).toEqual(['allowed', 'allowed', 'allowed'])
    expect(await outcome(policy({ '*': ['users:read'] }), READER, 'any/x')).toBe('allowed')
    // A scope does not give the role of local processes.
    const scoped = { subject: 'eve', scopes: ['local'] }
    expect(await outcome(policy({ '*': ['local'] }), scoped, 'any/x')).toBe('PERMISSION_DENIED')
  })

  it('has rules that are functions, which can return promises and throw', async () => {
    const rules = policy({
      's/now': (identity, { method }) => identity?.subject === 'ann' && method === 'now',
      's/later': async (identity) => identity?.subject === 'ann',
      's/throws': () => {
        throw new ServiceError('RESOURCE_EXHAUSTED', 'too often')
      },
      's/truthy': () => 'yes' as never,
      's/odd': () => new Odd(false) as never,
    })
    for (const method of ['now', 'later']) {
      expect(await outcome(rules, READER, `s/${method}`)).toBe('allowed')
      expect(await outcome(rules, ADMIN, `s/${method}`)).toBe('PERMISSION_DENIED')
    }
    expect(await outcome(rules, READER, 's/throws')).toBe('RESOURCE_EXHAUSTED')
    expect(await outcome(rules, READER, 's/truthy')).toBe('PERMISSION_DENIED')
    expect(await outcome(rules, READER, 's/odd')).toBe('PERMISSION_DENIED')
  })

  it.each<[string, unknown]>([
    ['an object', undefined],
    ["'service/method'", { 's/a/b': true }],
    ["'service/method'", { 's*': true }],
    ['true, an array', { 's/a': false }],
    ['true, an array', { 's/a': ['x', 5] }],
    ['true, an array', { 's/a': 'admin' }],
  ])('is %s', (text, rules) => {
    expect(() => policy(rules as PolicyRules)).toThrow(
      expect.objectContaining({
        code: ErrorCode.INVALID_ARGUMENT,
        message: expect.stringContaining(text) as string,
      }) as Error,
    )
  })

  it('has no rule for a method that does not exist', () => {
    const rules = policy({ 's/getUsr': true, 'other/x': true, '*': true })
    expect(() => rules.checkMethods('s', ['getUser', 'putUser'])).toThrow('did you mean "s/getUser"?')
    rules.checkMethods('t', [])
    policy({ 's/*': true }).checkMethods('s', [])
  })
})
