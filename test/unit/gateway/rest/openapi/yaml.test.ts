import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { yamlText } from '../../../../../src/gateway/rest/openapi/yaml.js'

/** Texts that a version of YAML could take for other values. */
const TEXTS = [
  '',
  ' ',
  '~',
  'null',
  'Null',
  'true',
  'yes',
  'NO',
  'on',
  'y',
  '200',
  '1e3',
  'E0',
  '0x10',
  '1_000',
  '.5',
  '.inf',
  '.NaN',
  '12:30:45',
  '2026-01-01',
  '-',
  '- a',
  '?',
  '? a',
  ':',
  'a: b',
  'a:',
  'a #b',
  '#a',
  '---',
  '...',
  '{a}',
  '[a]',
  '&a',
  '*a',
  '!a',
  '|',
  '>',
  '%a',
  '@a',
  '`a`',
  "'a'",
  '"a"',
  '<<',
  '=',
  'a, b',
  'a ',
  ' a',
  '\ta',
  'a\tb',
  'a\nb',
  'a\n\nb',
  'a\n  b\n',
  '\na',
  'a\n b: c\n# d',
  'a\n---\nb',
  'a\r\nb',
  'a \nb',
  'a\n \nb',
  '\u0000\u007f\u0085\u00a0\u2028\u2029\ufeff\ufffe\uffff',
  'a\n\u0085b',
  'a\nb\u2028',
  '\ud800',
  '\u{1f600}',
  'é',
  '\\',
  '\\n',
  'x'.repeat(1025),
  '/users/{id}:purge',
  '$ref',
  '#/components/schemas/user.User',
]

const texts = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc
    .array(fc.constantFrom('a', ' ', '\n', ':', '#', '-', '\t', "'", '"', '|', '\u2028'), { maxLength: 12 })
    .map((parts) => parts.join('')),
)
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    texts,
    fc.constantFrom(null, true, false, 0, -1, 1.5, 1e21, 1e-7, 5e-324),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(texts, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}))

describe('yamlText', () => {
  it.each(['1.2', '1.1'] as const)('writes what a reader of YAML %s reads back', (version) => {
    fc.assert(
      fc.property(value, (json) => {
        expect(parse(yamlText(json), { version })).toEqual(json)
      }),
      { numRuns: 2_000 },
    )
  })

  it.each(TEXTS)('quotes %j where it must, as a key and as a value', (text) => {
    const json = { [text]: text, list: [text, [text], { [text]: text }] }
    expect(parse(yamlText(json))).toEqual(json)
    expect(parse(yamlText(json), { version: '1.1' })).toEqual(json)
    expect(parse(yamlText(text))).toEqual(text)
  })

  it('writes a document that people can read', () => {
    const json = {
      openapi: '3.1.1',
      info: { title: 'Users', description: 'First line.\n\n- a list: yes' },
      paths: { '/users/{id}': { get: { tags: ['a', 'no'], responses: { 200: { description: '' } } } } },
      list: [{ name: 'id', in: 'path' }, [], {}, [1, [2]]],
      left: undefined,
    }
    expect(yamlText(json)).toBe(`openapi: "3.1.1"
info:
  title: Users
  description: |-
    First line.

    - a list: yes
paths:
  "/users/{id}":
    get:
      tags:
        - a
        - "no"
      responses:
        "200":
          description: ""
list:
  - name: id
    in: path
  - []
  - {}
  - - 1
    - - 2
`)
  })
})
