import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { missingForMusl, muslBun } from '../emulation/musl-bun.mjs'
import { installPackage } from '../emulation/package-folder.mjs'
import { run } from './command.mjs'

const PLATFORMS = ['linux-x64', 'linux-x64-musl']

/** Server, client, and the end of the server. */
const PAIRS = [
  ['Bun on musl', 'Bun on musl', 'finish'],
  ['Node.js on glibc', 'Bun on musl', 'kill'],
  ['Bun on musl', 'Node.js on glibc', 'kill'],
]

/** Runs test/package/runtimes between Bun on musl and Node.js on glibc. Each loads the binary of its C library from one package. */
export async function musl(report) {
  const name = 'Bun on musl'
  const missing = missingForMusl()
  if (missing !== undefined) return report.skip(name, missing)
  let bun
  try {
    bun = muslBun()
  } catch (error) {
    return report.skip(name, error.message.split('\n')[0])
  }
  const scratch = mkdtempSync(join(tmpdir(), 'shmwire-musl-'))
  try {
    const built = await run(process.execPath, ['scripts/prebuild.mjs', '--only', PLATFORMS.join(',')])
    if (!report.check('the binaries for both C libraries', built)) return
    installPackage(scratch, PLATFORMS)
    await runPairs(report, scratch, { 'Bun on musl': bun, 'Node.js on glibc': [process.execPath] })
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

async function runPairs(report, scratch, commands) {
  const options = { cwd: scratch, env: { SHMWIRE_DIR: join(scratch, 'run') } }
  for (const [server, client, end] of PAIRS) {
    const [program, ...args] = commands[client]
    const suite = [...args, 'runtimes/client.mjs', end, ...commands[server]]
    report.check(`${server} server, ${client} client`, await run(program, suite, options))
  }
}
