import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const PROCESSES_MAX = 2
const HEADERS = ['node_modules/node-api-headers/include', 'node_modules/node-addon-api']

/** Compiles the addon for Windows x64 with mingw-w64 where a source is newer. CXX names another compiler. Returns its path. */
export async function buildWindowsAddon(root, folder) {
  const list = JSON.parse(readFileSync(join(root, 'native/sources.json'), 'utf8'))
  const { compile, platformExcluded, platformCompile, link } = list.flags
  const command = process.env.CXX ?? (process.platform === 'win32' ? 'g++' : 'x86_64-w64-mingw32-g++-posix')
  const common = [
    ...compile.filter((flag) => !platformExcluded.win32.includes(flag)),
    ...platformCompile.win32,
    ...list.defines.map((define) => `-D${define}`),
    '-Inative',
    ...HEADERS.flatMap((headers) => ['-isystem', headers]),
  ]
  const core = [...list.core, ...list.platform.win32]
  const addon = [...list.addon, ...list.platformAddon.win32]
  const units = [
    ...core.map((source) => ({ source, flags: [...common, ...list.flags.core] })),
    ...addon.map((source) => ({ source, flags: [...common, ...list.flags.addon] })),
  ].map((unit) => ({ ...unit, object: join(folder, `${unit.source.replaceAll('/', '-')}.o`) }))
  mkdirSync(folder, { recursive: true })

  const run = async (args) => {
    const [code] = await once(spawn(command, args, { cwd: root, stdio: 'inherit' }), 'close')
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with code ${code}`)
  }
  const headers = readdirSync(join(root, 'native'), { recursive: true }).filter((file) => file.endsWith('.h'))
  const newestMs = Math.max(
    ...['sources.json', ...headers].map((file) => modified(join(root, 'native', file))),
  )
  const stale = units.filter(
    ({ source, object }) => modified(object) < Math.max(newestMs, modified(join(root, source))),
  )
  const queue = stale.values()
  const work = async () => {
    for (const { source, flags, object } of queue) await run([...flags, '-c', source, '-o', object])
  }
  await Promise.all(Array.from({ length: PROCESSES_MAX }, work))
  const output = join(folder, 'shmwire.node')
  if (stale.length > 0)
    await run(['-shared', '-s', '-o', output, ...units.map(({ object }) => object), ...link.win32])
  return output
}

function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
