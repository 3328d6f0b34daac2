import { expect, it } from 'vitest'
import { hasColours } from '../../../src/cli/has-colours.js'

const TERMINAL = { isTTY: true, hasColors: () => true }

it.each([
  [{}, TERMINAL, true],
  [{}, { isTTY: true, hasColors: () => false }, false],
  [{}, {}, false],
  [{ FORCE_COLOR: '1' }, {}, true],
  [{ FORCE_COLOR: '', TERM: 'dumb' }, {}, true],
  [{ FORCE_COLOR: '0' }, TERMINAL, false],
  [{ FORCE_COLOR: 'false' }, TERMINAL, false],
])('decides for %o and %o: %s', (env, stdout, expected) => {
  expect(hasColours(env, stdout)).toBe(expected)
})
