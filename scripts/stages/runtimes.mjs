import { join } from 'node:path'
import { download } from '../installs/download.mjs'
import { BUN, DENO } from '../installs/versions.mjs'
import { run } from './command.mjs'

/** The features of test/package/runtimes/features.mjs that a runtime lacks. The table of docs/runtimes.md has them. */
const LACKING = { Node: [], Bun: ['shmwire/http'], Deno: [] }

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
  const [bun, deno] = [await download(BUN), await download(DENO)]
  const missing = bun.missing ?? deno.missing
  if (missing !== undefined) return report.skip(name, missing)
  const commands = {
    Node: [process.execPath],
    Bun: [join(bun.modules, '@oven/bun-linux-x64/bin/bun')],
    Deno: [join(deno.modules, '@deno/linux-x64-glibc/deno'), 'run', '--allow-all'],
  }
  const options = { cwd: scratch, env: { SHMWIRE_DIR: join(scratch, 'run'), ...QUIET_DENO } }
  for (const [server, client, end] of PAIRS) {
    const [program, ...args] = commands[client]
    const suite = [...args, 'runtimes/client.mjs', end, ...commands[server]]
    report.check(`${server} server, ${client} client`, await run(program, suite, options))
  }
  for (const [runtime, [program, ...args]] of Object.entries(commands)) {
    const features = [...args, 'runtimes/features.mjs', ...LACKING[runtime]]
    report.check(`${runtime}: HTTP, streams, reconnection, discovery`, await run(program, features, options))
  }
}
