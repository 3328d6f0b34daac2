import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import { ensureBuilt } from '../support/build.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const README = readFileSync(join(ROOT, 'README.md'), 'utf8')

/** A block of code: the word behind `js` says what it is, a file name or `runnable`. */
interface Block {
  readonly label: string
  readonly code: string
  /** What its `// prints: ` comments promise. */
  readonly prints: string[]
}

const blocks: readonly Block[] = [...README.matchAll(/^```js (\S+)\n([\s\S]*?)^```$/gm)].map(
  ([, label = '', code = '']) => ({
    label,
    code,
    prints: [...code.matchAll(/\/\/ prints: (.*)$/gm)].map(([, text = '']) => text),
  }),
)

beforeAll(() => ensureBuilt())

describe('the README', () => {
  it('holds code that runs', () => {
    expect(blocks.filter(({ label }) => label === 'runnable').length).toBeGreaterThan(3)
  })

  it.each(blocks.filter(({ label }) => label === 'runnable'))('block $prints prints that', async (block) => {
    const program = start(packageFolder(), block)
    expect(await program.ended).toEqual({ code: 0, stderr: '', lines: block.prints })
  })

  it('begins with a server and a client that talk to each other', async () => {
    const folder = packageFolder()
    const server = start(folder, find('server.mjs'))
    try {
      while (!existsSync(join(folder, 'run/prices.sock'))) {
        expect(server.running(), 'the server ended').toBe(true)
        await sleep(5)
      }
      const block = find('client.mjs')
      expect(await start(folder, block).ended).toEqual({ code: 0, stderr: '', lines: block.prints })
    } finally {
      server.kill()
      await server.ended
    }
  })

  it('lists every error code, and docs/errors.md has an entry for each', () => {
    const errors = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8')
    const entries = [...errors.matchAll(/^## (ERR_\S+)$/gm)].map(([, code]) => code)
    expect(new Set(entries)).toEqual(new Set(Object.values(ErrorCode)))
    for (const name of Object.keys(ErrorCode)) expect(README).toContain(`\`${name}\``)
  })
})

function find(label: string): Block {
  const block = blocks.find((candidate) => candidate.label === label)
  if (block === undefined) throw new Error(`the README has no block ${label}`)
  return block
}

/** A folder in which `import 'shmwire'` finds this package. */
function packageFolder(): string {
  const folder = temporaryDirectory()
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules/shmwire'))
  return folder
}

function start(folder: string, { label, code }: Block) {
  const file = join(folder, label.endsWith('.mjs') ? label : 'block.mjs')
  writeFileSync(file, code)
  const child = spawn(process.execPath, [file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SHMWIRE_DIR: join(folder, 'run') },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<{ code: number | null; stderr: string; lines: string[] }>((resolve) => {
    child.on('close', (exitCode) =>
      resolve({ code: exitCode, stderr, lines: stdout.split('\n').slice(0, -1) }),
    )
  })
  return {
    ended,
    running: () => child.exitCode === null && child.signalCode === null,
    kill: () => child.kill('SIGKILL'),
  }
}
