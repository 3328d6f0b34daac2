import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PeerProcess } from './peer-process.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FOLDER = join(ROOT, 'build/bench')
const PROGRAM = join(FOLDER, 'native-bench')
const SOURCES = ['main.cc', 'cache_line.cc', 'copies.cc', 'rings.cc', 'two_processes.cc', 'figures.cc']

/**
 * Builds the program of bench/native with the compiler and the flags of the addon, and links the addon's own objects, so
 * that it measures the same core. Returns undefined, or why it cannot be built.
 */
export function buildNative() {
  const direct = join(ROOT, 'build/direct')
  const addon = spawnSync(process.execPath, [join(ROOT, 'scripts/build-addon.mjs'), '--quiet'], {
    encoding: 'utf8',
  })
  if (addon.status !== 0) return addon.stderr.trim()
  const { compile, units, link } = JSON.parse(readFileSync(join(direct, 'recipe.json'), 'utf8'))
  const core = units.filter(({ source }) => !source.startsWith('native/addon/'))
  const objects = core.map(({ source }) => join(direct, `${source.replaceAll('/', '-')}.o`))
  const folder = fileURLToPath(new URL('../native', import.meta.url))
  const ours = SOURCES.map((source) => join(folder, source))
  const inputs = [...objects, ...readdirSync(folder).map((file) => join(folder, file))]
  if (inputs.every((file) => modified(file) < modified(PROGRAM))) return undefined
  mkdirSync(FOLDER, { recursive: true })
  const [command, ...first] = compile
  const linkFlags = link.slice(compile.length).filter((flag) => flag !== '-shared')
  const args = [
    ...first,
    ...core[0].flags,
    '-I',
    folder,
    ...ours,
    ...objects,
    ...linkFlags,
    '-o',
    `${PROGRAM}~`,
  ]
  const built = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8' })
  if (built.status !== 0) return `it does not compile: ${firstError(built.stderr)}`
  renameSync(`${PROGRAM}~`, PROGRAM)
  return undefined
}

function modified(file) {
  return existsSync(file) ? statSync(file).mtimeMs : 0
}

/**
 * One repetition: the program starts its second process itself.
 * @returns {Promise<{ figures: import('../scenarios/scenario.js').Figures, transport: string }>}
 */
export async function runNative(args) {
  const program = new PeerProcess('program', [PROGRAM, ...args.map(String)])
  const [figures] = await Promise.all([program.said(), program.ended])
  return { figures, transport: 'native' }
}

function firstError(text) {
  return text.split('\n').find((line) => line.includes('error:')) ?? text.trim().split('\n')[0]
}
