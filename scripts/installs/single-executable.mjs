import { copyFileSync, cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root, run } from '../stages/command.mjs'
import { download } from './download.mjs'
import { nodeOf } from './node.mjs'
import { installTarball } from './pack.mjs'
import { NODES, POSTJECT } from './versions.mjs'

const ADDON = `node_modules/shmwire/prebuilds/${process.platform}-${process.arch}/shmwire.node`
const CONFIG = { main: 'app.cjs', disableExperimentalSEAWarning: true }
/** Node.js searches its own file for it ("Single executable applications" in its documentation). */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'

/** Makes an application of one executable with each version of Node.js, and runs it with and without the addon in its folder. */
export async function singleExecutable(report, { tarball, scratch }) {
  const folder = join(scratch, 'single-executable')
  if (!(await installTarball(report, folder, tarball))) return
  for (const program of ['bundled.mjs', 'exchange.mjs'])
    cpSync(join(root, 'test/package', program), join(folder, program))
  const options = { bundle: true, platform: 'node', format: 'cjs', logLevel: 'silent' }
  await build({ ...options, entryPoints: [join(folder, 'bundled.mjs')], outfile: join(folder, CONFIG.main) })
  for (const version of Object.keys(NODES)) {
    const name = `Node ${version}, an application in one executable`
    const { path: node, missing } = await nodeOf(version)
    if (missing !== undefined) {
      report.skip(name, missing)
      continue
    }
    // A folder where no package is installed.
    const place = mkdtempSync(join(scratch, 'application-'))
    const made = version === '26' ? await buildNow(folder, node, place) : await inject(folder, node, place)
    if (report.check(`${name}: is built`, made)) await runApplication(report, name, folder, place)
  }
}

/** Newer versions of Node.js have one command for it. */
async function buildNow(folder, node, place) {
  writeFileSync(join(folder, 'sea.json'), JSON.stringify({ ...CONFIG, output: join(place, 'app') }))
  return await run(node, ['--build-sea', 'sea.json'], { cwd: folder })
}

/** Older versions write a file, which another program adds to a copy of Node.js. */
async function inject(folder, node, place) {
  const { modules, missing } = await download(POSTJECT)
  if (missing !== undefined) return { ok: false, output: missing }
  writeFileSync(join(folder, 'sea.json'), JSON.stringify({ ...CONFIG, output: 'app.blob' }))
  const prepared = await run(node, ['--experimental-sea-config', 'sea.json'], { cwd: folder })
  if (!prepared.ok) return prepared
  copyFileSync(node, join(place, 'app'))
  const postject = join(modules, 'postject/dist/cli.js')
  const args = [postject, join(place, 'app'), 'NODE_SEA_BLOB', 'app.blob', '--sentinel-fuse', FUSE]
  return await run(process.execPath, args, { cwd: folder })
}

async function runApplication(report, name, folder, place) {
  const env = { SHMWIRE_DIR: join(place, 'run') }
  mkdirSync(env.SHMWIRE_DIR, { mode: 0o700 })
  const expectOutput = async (what, pattern) => {
    const { ok, output } = await run(join(place, 'app'), [], { cwd: place, env })
    report.check(`${name}: ${what}`, { ok: ok && pattern.test(output.trim()), output })
  }
  await expectOutput('without the addon, it uses the socket', /^unix .*\/shmwire\.node does not exist/)
  copyFileSync(join(folder, ADDON), join(place, 'shmwire.node'))
  await expectOutput('with the addon in its folder, it uses shared memory', /^shm$/)
}
