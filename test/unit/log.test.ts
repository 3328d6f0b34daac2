import { expect, it } from 'vitest'
import { log } from '../../src/log.js'

it('creates no text without a logger and NODE_DEBUG', () => {
  let texts = 0
  const textOf = (): string => {
    texts += 1
    return 'text'
  }
  log(undefined, 'warn', textOf)
  expect(texts).toBe(0)
  const lines: string[] = []
  log({ debug: () => {}, warn: (line) => lines.push(line) }, 'warn', textOf)
  expect([texts, lines]).toEqual([1, ['shmwire: text']])
})
