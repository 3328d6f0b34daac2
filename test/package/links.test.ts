import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ROOT, readDocument } from '../support/documents.js'

/** The files of the package that `npm publish` packs. */
let packed: readonly string[]

interface Link {
  readonly from: string
  readonly target: string
  readonly anchor: string
}

beforeAll(() => {
  const { stdout, stderr } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  const [found] = JSON.parse(stdout) as [{ files: { path: string }[] }?]
  if (found === undefined) throw new Error(`npm pack reports no package: ${stderr}`)
  packed = found.files.map(({ path }) => path)
})

describe('the packed documents', () => {
  it('include all documents for users', () => {
    for (const file of ['README.md', 'SECURITY.md', 'docs/api.md', 'docs/guide.md', 'docs/recipes.md'])
      expect(packed).toContain(file)
  })

  it('link only to packed files', () => {
    const links = packed.filter((file) => file.endsWith('.md')).flatMap(linksOf)
    expect(links.length).toBeGreaterThan(100)
    const broken = links.filter(
      ({ target }) => !packed.includes(target) && !packed.some((file) => file.startsWith(`${target}/`)),
    )
    expect(broken).toEqual([])
  })

  it('link only to headings that exist', () => {
    const links = packed.filter((file) => file.endsWith('.md')).flatMap(linksOf)
    const broken = links.filter(
      ({ target, anchor }) =>
        anchor !== '' && packed.includes(target) && !anchorsOf(readDocument(target)).has(anchor),
    )
    expect(broken).toEqual([])
  })

  it('name only files and folders of the repository', () => {
    const named = packed
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) =>
        [...readDocument(file).matchAll(/`((?:bench|docs|models|native|scripts|src|test)\/[\w./-]+)`/g)].map(
          ([, path = '']) => ({ file, path }),
        ),
      )
    expect(named.length).toBeGreaterThan(100)
    expect(named.filter(({ path }) => !existsSync(join(ROOT, path)))).toEqual([])
  })
})

/** Its links and images without a scheme. */
function linksOf(from: string): Link[] {
  return [...withoutCode(readDocument(from)).matchAll(/\]\(([^()\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [path = '', anchor = ''] = link.split('#')
      const target = path === '' ? from : posix.join(posix.dirname(from), path).replace(/\/$/, '')
      return { from, target, anchor }
    })
}

/** The anchors that GitHub makes of headings. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.*)$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const slug = plain.replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replaceAll(' ', '-')
    let anchor = slug
    for (let count = 1; anchors.has(anchor); count += 1) anchor = `${slug}-${count}`
    anchors.add(anchor)
  }
  return anchors
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`(?!\]?\()/g, '')
}
