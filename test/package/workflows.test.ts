import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { ROOT, readDocument } from '../support/documents.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

interface Step {
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
}

interface Job {
  readonly 'runs-on': string
  readonly 'timeout-minutes'?: number
  readonly permissions?: Readonly<Record<string, string>>
  readonly environment?: string
  readonly needs?: string | readonly string[]
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly unknown[]>> }
  readonly steps: readonly Step[]
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>
  readonly permissions: Readonly<Record<string, string>>
  readonly concurrency?: object
  readonly jobs: Readonly<Record<string, Job>>
}

const FOLDER = '.github/workflows'
const FILES = readdirSync(join(ROOT, FOLDER))
const packageJson = JSON.parse(readDocument('package.json')) as {
  version: string
  scripts: Record<string, string>
}
/** An action by the full SHA of a commit, with its release as a comment. */
const PINNED = /^actions\/[\w-]+@[0-9a-f]{40}$/
const PLATFORMS = ['ubuntu-24.04', 'ubuntu-24.04-arm', 'macos-15', 'macos-15-intel', 'windows-2025']
const VERSIONS = [20, 22, 24, 26]

function workflow(file: string): Workflow {
  return parse(readDocument(`${FOLDER}/${file}`)) as Workflow
}

/** Each line that a job runs, also those in its matrix. */
function commandsOf({ steps, strategy }: Job): string[] {
  const rows = (strategy?.matrix['include'] ?? []) as { run?: string }[]
  return [...steps, ...rows].flatMap(({ run = '' }) => run.split('\n')).filter((line) => line !== '')
}

describe.each(FILES)('%s', (file) => {
  const { permissions, concurrency, jobs } = workflow(file)
  const cases = Object.entries(jobs)

  it('can only read, unless a job states more', () => {
    expect(permissions).toEqual({ contents: 'read' })
    expect(concurrency).toBeDefined()
    for (const [, job] of cases) expect(job.permissions).toMatchObject({ contents: 'read' })
  })

  it.each(cases)('%s has a limit of its time, and keeps no credentials', (_name, job) => {
    expect(job['timeout-minutes']).toBeGreaterThan(0)
    const checkouts = job.steps.filter(({ uses }) => uses?.startsWith('actions/checkout@'))
    for (const step of checkouts) expect(step.with).toMatchObject({ 'persist-credentials': false })
  })

  it('names every action by a commit and its release', () => {
    const uses = cases.flatMap(([, { steps }]) => steps.flatMap((step) => step.uses ?? []))
    expect(uses.filter((name) => !PINNED.test(name))).toEqual([])
    const lines = readDocument(`${FOLDER}/${file}`).match(/uses: .*/g) ?? []
    expect(lines.filter((line) => !/ # v\d+\.\d+\.\d+$/.test(line))).toEqual([])
  })

  it('runs scripts that exist', () => {
    const commands = cases.flatMap(([, job]) => commandsOf(job)).join('\n')
    const scripts = [...commands.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name)
    expect(scripts.filter((name) => packageJson.scripts[name] === undefined)).toEqual([])
    const files = [...commands.matchAll(/(?:^|node )((?:scripts|\.ci)\/[\w./-]+)/gm)].map(([, path]) => path)
    expect(files.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
    expect(scripts.length + files.length).toBeGreaterThan(0)
  })

  it('passes no text of a caller into a shell', () => {
    const commands = cases.flatMap(([, job]) => job.steps.flatMap(({ run = [] }) => run))
    expect(commands.filter((line) => /\$\{\{(?! matrix\.run \}\}$)/.test(line))).toEqual([])
  })
})

describe('ci.yml and release.yml', () => {
  it.each([
    ['ci.yml', ['linux', 'macos', 'windows']],
    ['release.yml', ['test']],
  ])('%s tests every version on every system', (file, names) => {
    const { jobs } = workflow(file)
    const pairs = names.flatMap((name) => {
      const { os = [], node = [] } = jobs[name]?.strategy?.matrix ?? {}
      return os.flatMap((system) => node.map((version) => `${String(system)} ${String(version)}`))
    })
    const expected = PLATFORMS.flatMap((system) => VERSIONS.map((version) => `${system} ${version}`))
    expect(new Set(pairs)).toEqual(new Set(expected))
  })

  it('ci.yml checks that the binaries are reproducible, and keeps them', () => {
    const commands = commandsOf(workflow('ci.yml').jobs['prebuilds'])
    expect(commands).toContain('npm run prebuild -- --check')
  })

  it('release.yml publishes what it has tested, with a token of this job only', () => {
    const { jobs, on } = workflow('release.yml')
    const { publish, pack, ...others } = jobs as Record<'publish' | 'pack', Job>
    expect(on).toEqual({ push: { tags: ['v*'] } })
    expect(publish).toMatchObject({ needs: ['pack', 'test'], environment: 'npm' })
    expect(publish.permissions).toEqual({ contents: 'read', 'id-token': 'write' })
    for (const { permissions } of [pack, ...Object.values<Job>(others)])
      expect(permissions).toEqual({ contents: 'read' })
    expect(commandsOf(publish).at(-1)).toBe('npm publish --provenance --access public ./shmwire-*.tgz')
    // The job that may publish runs no code of the repository.
    expect(publish.steps.filter(({ uses }) => uses?.includes('checkout'))).toEqual([])
  })
})

describe('scripts/check-release.mjs', () => {
  const check = (tag: string): { status: number | null; stderr: string } =>
    spawnSync(process.execPath, [join(ROOT, 'scripts/check-release.mjs'), tag], { encoding: 'utf8' })

  it('refuses another tag than the version', () => {
    const { status, stderr } = check('v999.0.0')
    expect(status).toBe(1)
    expect(stderr).toContain(`the tag is 'v999.0.0', but package.json has the version ${packageJson.version}`)
  })

  it('needs an entry of this version in the changelog', () => {
    const isReleased = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8').includes(
      `\n## [${packageJson.version}] - `,
    )
    const { status, stderr } = check(`v${packageJson.version}`)
    expect(status).toBe(isReleased ? 0 : 1)
    expect(stderr.includes('CHANGELOG.md has no heading')).toBe(!isReleased)
  })
})

describe('scripts/test-tarball.mjs', () => {
  it('refuses a tarball with another SHA-256', () => {
    const folder = temporaryDirectory()
    writeFileSync(join(folder, 'shmwire-1.0.0.tgz'), 'abc')
    const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts/test-tarball.mjs')], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, SHA256: 'other' },
    })
    expect(status).not.toBe(0)
    const sum = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    expect(stderr).toContain(`shmwire-1.0.0.tgz has the SHA-256 ${sum}, but the variable SHA256 is 'other'`)
  })
})
