import { expect, it } from 'vitest'
import { log } from '../../src/log.js'

it('makes no text when neither a logger nor NODE_DEBUG wants it', () => {
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
