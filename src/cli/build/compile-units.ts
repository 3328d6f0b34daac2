import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { CommandError } from '../command.js'

/** Sources to compile, each with its flags, and how to link them. Relative paths begin at `root`. */
export interface BuildPlan {
  readonly root: string
  readonly units: readonly Unit[]
  /** A program and its first arguments. */
  readonly compile: readonly string[]
  readonly link: readonly string[]
  /** The folder of the objects. Objects that are newer than their sources stay. */
  readonly objects: string
  readonly output: string
  readonly environment?: NodeJS.ProcessEnv
}

export interface Unit {
  readonly source: string
  readonly flags: readonly string[]
}

type Log = (line: string) => void

/** Each needs up to 300 MB of memory. */
const PROCESSES_MAX = 2

/**
 * Compiles what changed, and links it. The recipe invalidates objects of another compiler or of other flags.
 */
export async function compileUnits(plan: BuildPlan, log: Log, { force = false } = {}): Promise<void> {
  const recipe = JSON.stringify({ compile: plan.compile, units: plan.units, link: plan.link })
  const recipeFile = resolve(plan.root, plan.objects, 'recipe.json')
  if (force || modified(recipeFile) === 0 || readFileSync(recipeFile, 'utf8') !== recipe) {
    rmSync(dirname(recipeFile), { recursive: true, force: true })
    mkdirSync(dirname(recipeFile), { recursive: true })
    writeFileSync(recipeFile, recipe)
  }
  const headersModified = newestHeader(plan.root)
  const isStale = ({ source }: Unit) => {
    const newest = Math.max(modified(resolve(plan.root, source)), headersModified)
    return modified(resolve(plan.root, objectOf(plan, source))) <= newest
  }
  const queue = plan.units.filter(isStale)
  const objects = plan.units.map(({ source }) => objectOf(plan, source))
  const output = resolve(plan.root, plan.output)
  const newestObject = Math.max(...objects.map((object) => modified(resolve(plan.root, object))))
  if (queue.length === 0 && modified(output) > newestObject) return log(`${plan.output} is up to date`)
  const work = async () => {
    for (let unit = queue.shift(); unit !== undefined; unit = queue.shift()) {
      const args = [...unit.flags, '-c', unit.source]
      await produce(plan, plan.compile, args, objectOf(plan, unit.source), log)
    }
  }
  await Promise.all(Array.from({ length: PROCESSES_MAX }, work))
  mkdirSync(dirname(output), { recursive: true })
  await produce(plan, plan.link, objects, plan.output, log)
}

function objectOf(plan: BuildPlan, source: string): string {
  return join(plan.objects, `${source.replaceAll('/', '-')}.o`)
}

function newestHeader(root: string): number {
  const files = readdirSync(join(root, 'native'), { recursive: true }).map(String)
  const headers = files.filter((file) => file.endsWith('.h'))
  return Math.max(...headers.map((file) => modified(join(root, 'native', file))))
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** Writes to another place first, because a compiler can be interrupted, and a process can have the old file mapped. */
async function produce(
  plan: BuildPlan,
  [command = '', ...first]: readonly string[],
  args: readonly string[],
  output: string,
  log: Log,
): Promise<void> {
  log(`${command}: ${output}`)
  // In a folder of its own under its final name, which the linker for macOS writes into the file.
  const folder = `${output}.${process.pid}`
  const unfinished = join(folder, basename(output))
  mkdirSync(resolve(plan.root, folder))
  const child = spawn(command, [...first, '-o', unfinished, ...args], {
    cwd: plan.root,
    env: plan.environment ?? process.env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  if (code !== 0) {
    rmSync(resolve(plan.root, folder), { recursive: true, force: true })
    throw new CommandError(`${command} ended with ${signal ?? `code ${code}`} on ${output}`)
  }
  renameSync(resolve(plan.root, unfinished), resolve(plan.root, output))
  rmSync(resolve(plan.root, folder), { recursive: true })
}
