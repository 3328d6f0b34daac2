import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ARM64_ENVIRONMENT, inArm64Namespace, missingForArm64 } from '../emulation/arm64-namespace.mjs'
import { testNative } from '../emulation/arm64-native.mjs'
import { arm64Node } from '../emulation/arm64-node.mjs'
import { installPackage } from '../emulation/package-folder.mjs'
import { run } from './command.mjs'

/** Server, client, and the end of the server. The processes of both processors share memory. */
const PAIRS = [
  ['arm64', 'arm64', 'finish'],
  ['x64', 'arm64', 'kill'],
]

/** Runs the native tests, and processes that exchange messages, for arm64 under qemu. `npm run test:arm64` runs the other tests. */
export async function arm64(report) {
  const missing = missingForArm64()
  if (missing !== undefined) return report.skip('arm64', missing)
  await testNative(report)
  let node
  try {
    node = arm64Node('22')
  } catch (error) {
    return report.skip('Node.js for arm64', error.message.split('\n')[0])
  }
  const scratch = mkdtempSync(join(tmpdir(), 'shmwire-arm64-'))
  try {
    const built = await run(process.execPath, ['scripts/prebuild.mjs', '--only', 'linux-x64,linux-arm64'])
    if (!report.check('the binaries for both processors', built)) return
    installPackage(scratch, ['linux-x64', 'linux-arm64'])
    await runPairs(report, scratch, { arm64: node, x64: process.execPath })
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

async function runPairs(report, scratch, nodes) {
  const options = { cwd: scratch, env: { SHMWIRE_DIR: join(scratch, 'run'), ...ARM64_ENVIRONMENT } }
  for (const [server, client, end] of PAIRS) {
    const suite = [nodes[client], 'runtimes/client.mjs', end, nodes[server]]
    const [command, ...args] = inArm64Namespace(suite)
    report.check(`Node.js: ${server} server, ${client} client`, await run(command, args, options))
  }
}
