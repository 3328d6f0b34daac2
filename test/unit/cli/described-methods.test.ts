import { describe, expect, it } from 'vitest'
import { describedMethods } from '../../../src/cli/call/described-methods.js'
import { CommandError } from '../../../src/cli/command.js'

describe('describedMethods', () => {
  it('takes the methods of a service with and without a contract', () => {
    const methods = [{ name: 'a' }, { name: 'b', kind: 'bidi', more: 1 }]
    expect(describedMethods({ methods })).toEqual([
      { name: 'a', kind: undefined },
      { name: 'b', kind: 'bidi' },
    ])
  })

  it.each([
    undefined,
    null,
    'x',
    {},
    { methods: {} },
    { methods: [null] },
    { methods: [{ name: 1 }] },
    { methods: [{ name: 'a', kind: 'other' }] },
    { methods: [{ name: 'a', kind: 1 }] },
  ])('refuses %j', (info) => {
    expect(() => describedMethods(info)).toThrow(CommandError)
  })
})
