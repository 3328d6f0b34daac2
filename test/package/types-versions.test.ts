import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly types: string }>>
  readonly typesVersions: { readonly '*': Readonly<Record<string, readonly string[]>> }
}

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Manifest

it('gives resolvers that do not know `exports` the types of each subpath', () => {
  const expected: Record<string, readonly string[]> = {}
  for (const [subpath, target] of Object.entries(manifest.exports)) {
    if (subpath !== '.' && typeof target === 'object') expected[subpath.slice('./'.length)] = [target.types]
  }
  expect(manifest.typesVersions['*']).toEqual(expected)
})
