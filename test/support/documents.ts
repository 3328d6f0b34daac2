import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { longDirectory } from './temporary-directory.js'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A block of JavaScript in a document. */
export interface Block {
  /** The document, and the number of the block's first line. */
  readonly place: string
  /** The word behind `js`: `runnable`, or a file name. */
  readonly label: string
  readonly code: string
  /** The output that its `// prints: ` comments promise. */
  readonly prints: string[]
}

export function readDocument(document: string): string {
  return readFileSync(join(ROOT, document), 'utf8')
}

/** All blocks of JavaScript or TypeScript, those without a label included. */
export function blocksOf(document: string): Block[] {
  const text = readDocument(document)
  return [...text.matchAll(/^```(?:js|mjs|javascript|ts|typescript)\b *(\S*)[^\n]*\n([\s\S]*?)^```$/gm)].map(
    ({ 1: label = '', 2: code = '', index }) => ({
      place: `${document}:${text.slice(0, index).split('\n').length}`,
      label,
      code,
      prints: [...code.matchAll(/\/\/ prints: (.*)$/gm)].map(([, line = '']) => line),
    }),
  )
}

/** A folder in which `import 'shmwire'` finds this package, and the imports of the block their packages. */
export function packageFolder({ code }: Pick<Block, 'code'>): string {
  const folder = longDirectory()
  const imports = [...code.matchAll(/ from '(?!node:)((?:@[^/']+\/)?[^/']+)/g)].map(([, name = '']) => name)
  for (const name of new Set(['shmwire', ...imports])) {
    const link = join(folder, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(name === 'shmwire' ? ROOT : join(ROOT, 'node_modules', name), link)
  }
  return folder
}

export interface Outcome {
  readonly code: number | null
  readonly stderr: string
  readonly lines: string[]
}

/** Runs a block as a program in `folder`, with a runtime directory of its own. */
export function runBlock(folder: string, { label, code }: Block) {
  const file = join(folder, label.endsWith('.mjs') ? label : 'block.mjs')
  const run = join(folder, 'run')
  mkdirSync(run, { recursive: true, mode: 0o700 })
  writeFileSync(file, code)
  const child = spawn(process.execPath, [file], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SHMWIRE_DIR: run },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<Outcome>((resolve) => {
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
