import { describe, expect, it } from 'vitest'
// @ts-expect-error: plain JavaScript
import { wordsIn } from '../../scripts/check-words.mjs'

interface Found {
  readonly line: number
  readonly word: string
  readonly replacement: string
}

function found(file: string, text: string): string[] {
  return (wordsIn(file, text) as Found[]).map(({ line, word }) => `${line} ${word}`)
}

describe('check-words', () => {
  it.each([
    ['Whoever waits, sends again.', 'Whoever'],
    ['It ends. Who closes rings first.', 'Who closes'],
    ['What was sent is delivered.', 'What was'],
    ['- What was sent is delivered.', 'What was'],
    ['| What was sent | delivered |', 'What was'],
    ['The reader looks at the ring.', 'looks at'],
    ['Two bells were rung in vain.', 'rung, bells, in vain'],
    ['This is no bug.', 'is no'],
    ['The link hands the segment over.', 'hands the segment over'],
    ['The server gives everything back.', 'gives everything back'],
    ['Nobody told the peer.', 'Nobody, told'],
    ['In the\nmidst of a close.', 'In the midst of'],
  ])('finds the words in %j', (text, words) => {
    expect((wordsIn('a.md', text) as Found[]).map(({ word }) => word).join(', ')).toBe(words)
  })

  it.each([
    'The caller sends again.',
    'What happens when the peer dies?',
    '**What does an error code mean?** See below.',
    '## What it does',
    'There is no lock. It is no longer open.',
    'The rings of both sides, and the doorbell.',
    'A key that looks like an index.',
    'The link is overloaded.',
    'Use `lends` and `tell`.',
    'See [decision 15](0015-a-bell-of-its-own.md).',
    '```\nwhoever\n```',
    '<!-- models:begin -->\n| nobody |\n<!-- models:end -->',
  ])('accepts %j', (text) => {
    expect(found('a.md', text)).toEqual([])
  })

  it('reports the line and the replacement', () => {
    expect(wordsIn('a.md', 'First.\n\nThe peer is told\nanew.')).toEqual([
      { line: 3, word: 'told', replacement: 'send, report, announce' },
      { line: 4, word: 'anew', replacement: 'again' },
    ])
  })

  it('checks comments, messages and names of tests in code, and nothing else', () => {
    const code = [
      'const bell = rung(lent) // The bell of `bell`.',
      '/**',
      ' * What was lent',
      ' */',
      "it('gives everything back', () => tell('bell'))",
      'throw new Error(`the peer is told of a bell`)',
      "const pattern = /'/ // anew",
    ].join('\n')
    expect(found('a.ts', code)).toEqual([
      '1 bell',
      '3 What was',
      '3 lent',
      '5 gives everything back',
      '6 told',
      '6 bell',
      '7 anew',
    ])
  })
})
