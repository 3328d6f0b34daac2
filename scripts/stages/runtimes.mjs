import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './command.mjs'

/** Other runtimes than Node, as npm packages with a binary. Only this place has their versions. */
const PACKAGES = ['@oven/bun-linux-x64@1.4.5', '@deno/linux-x64-glibc@2.9.6']
const INSTALL = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']

const QUIET_DENO = { DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' }

/** Server, client, and the end of the server. A peer of each runtime dies once. */
const PAIRS = [
  ['Bun', 'Bun', 'finish'],
  ['Deno', 'Deno', 'finish'],
  ['Node', 'Bun', 'kill'],
  ['Bun', 'Node', 'kill'],
  ['Node', 'Deno', 'kill'],
  ['Deno', 'Node', 'kill'],
]

/** Runs the copy of test/package/runtimes in `scratch` in Bun and Deno, and between them and Node. */
export async function runtimes(report, scratch) {
  const name = 'Bun and Deno'
  if (process.platform !== 'linux' || process.arch !== 'x64') return report.skip(name, 'is for Linux on x64')
  const commands = await installRuntimes(join(scratch, 'other-runtimes'))
  if (commands === undefined) return report.skip(name, `npm install ${PACKAGES.join(' ')}`)
  const options = { cwd: scratch, env: { SHMWIRE_DIR: join(scratch, 'run'), ...QUIET_DENO } }
  for (const [server, client, end] of PAIRS) {
    const [program, ...args] = commands[client]
    const suite = [...args, 'runtimes/client.mjs', end, ...commands[server]]
    report.check(`${server} server, ${client} client`, await run(program, suite, options))
  }
}

/** Installs the runtimes in a separate folder. Returns their command lines; undefined if they cannot be downloaded. */
async function installRuntimes(folder) {
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  const installed = await run('npm', [...INSTALL, ...PACKAGES], { cwd: folder })
  if (!installed.ok) return undefined
  const modules = join(folder, 'node_modules')
  return {
    Node: [process.execPath],
    Bun: [join(modules, '@oven/bun-linux-x64/bin/bun')],
    Deno: [join(modules, '@deno/linux-x64-glibc/deno'), 'run', '--allow-all'],
  }
}
