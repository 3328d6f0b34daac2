import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { type Block, blocksOf, packageFolder, ROOT, readDocument, runBlock } from '../support/documents.js'

const DOCUMENTS = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter(isMarkdown)
    .map((name) => `docs/${name}`),
]
const README_LINES_MAX = 150
const RECIPE_LINES_MAX = 12

const blocks = DOCUMENTS.flatMap(blocksOf)
const runnable = blocks.filter(({ label }) => label === 'runnable')

beforeAll(() => ensureBuilt())

describe('the code in the documents', () => {
  it('runs in the tests, except examples for other packages', () => {
    const rest = blocks
      .filter(({ label }) => label !== 'runnable')
      .map(({ place, label }) => `${place} ${label}`)
    expect(rest).toEqual([
      expect.stringMatching(/^README\.md:\d+ server\.mjs$/),
      expect.stringMatching(/^README\.md:\d+ client\.mjs$/),
      // The code of other packages.
      expect.stringMatching(/^docs\/coming-from\.md:\d+ $/),
      expect.stringMatching(/^docs\/coming-from\.md:\d+ $/),
    ])
    for (const document of ['docs/guide.md', 'docs/recipes.md'])
      expect(runnable.filter(({ place }) => place.startsWith(document)).length).toBeGreaterThanOrEqual(10)
  })

  it('states its output', () => {
    expect(runnable.filter(({ prints }) => prints.length === 0)).toEqual([])
  })

  it.concurrent.each(runnable)('prints the stated output: $place', async (block) => {
    const { ended } = runBlock(packageFolder(), block)
    expect(await ended).toEqual({ code: 0, stderr: '', lines: block.prints })
  })
})

describe('the README', () => {
  it('does not exceed its maximum length', () => {
    expect(readDocument('README.md').split('\n').length).toBeLessThanOrEqual(README_LINES_MAX)
  })

  it('begins with a server and a client that exchange messages', async () => {
    const folder = packageFolder()
    const server = runBlock(folder, find('server.mjs'))
    try {
      while (!existsSync(join(folder, 'run/prices.sock'))) {
        expect(server.running(), 'the server ended').toBe(true)
        await sleep(5)
      }
      const block = find('client.mjs')
      expect(await runBlock(folder, block).ended).toEqual({ code: 0, stderr: '', lines: block.prints })
    } finally {
      server.kill()
      await server.ended
    }
  })
})

describe('docs/recipes.md', () => {
  it(`has at most ${RECIPE_LINES_MAX} lines of code in each recipe`, () => {
    const long = blocksOf('docs/recipes.md').filter(
      ({ code }) => code.trimEnd().split('\n').length > RECIPE_LINES_MAX,
    )
    expect(long.map(({ place }) => place)).toEqual([])
  })
})

function isMarkdown(name: string): boolean {
  return name.endsWith('.md')
}

function find(label: string): Block {
  const block = blocks.find((candidate) => candidate.label === label)
  if (block === undefined) throw new Error(`the README has no block ${label}`)
  return block
}
