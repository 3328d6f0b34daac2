import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from '../stages/command.mjs'
import { nodeOf } from './node.mjs'
import { installTarball } from './pack.mjs'
import { NODES } from './versions.mjs'

/** Runs the package in each version of Node.js, and the suite of test/package/runtimes between each two of them. */
export async function nodeVersions(report, { tarball, scratch }) {
  const folder = join(scratch, 'node-versions')
  if (!(await installTarball(report, folder, tarball))) return
  for (const part of ['runtimes', 'exchange.mjs', 'import.mjs', 'require.cjs'])
    cpSync(join(root, 'test/package', part), join(folder, part), { recursive: true })
  const options = { cwd: folder, env: { SHMWIRE_DIR: join(folder, 'run') } }
  mkdirSync(options.env.SHMWIRE_DIR, { mode: 0o700 })
  const nodes = await downloadedNodes(report)
  for (const [version, node] of nodes) {
    for (const script of ['import.mjs', 'require.cjs']) {
      const { ok, output } = await run(node, [script], options)
      report.check(`Node ${version}: ${script}`, { ok: ok && output.trim() === 'shm', output })
    }
  }
  for (const [serverVersion, server] of nodes) {
    for (const [version, node] of nodes) {
      const suite = await run(node, ['runtimes/client.mjs', 'finish', server], options)
      report.check(`Node ${serverVersion} server, Node ${version} client`, suite)
    }
  }
}

async function downloadedNodes(report) {
  const nodes = []
  for (const version of Object.keys(NODES)) {
    const { path, missing } = await nodeOf(version)
    if (missing === undefined) nodes.push([version, path])
    else report.skip(`Node ${version}`, missing)
  }
  return nodes
}
