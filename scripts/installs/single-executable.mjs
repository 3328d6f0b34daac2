import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root, run } from '../stages/command.mjs'
import { nodeOf } from './node.mjs'
import { installTarball } from './pack.mjs'

/** The oldest version of these with `--build-sea`. */
const VERSION = '26'
const PROGRAM = { main: 'bundle.cjs', output: 'app', disableExperimentalSEAWarning: true }

/** Makes an application of one executable, and runs it with and without the addon in its folder. */
export async function singleExecutable(report, { tarball, scratch }) {
  const { path: node, missing } = await nodeOf(VERSION)
  if (missing !== undefined) return report.skip('an application in one executable', missing)
  const folder = join(scratch, 'single-executable')
  if (!(await installTarball(report, folder, tarball))) return
  for (const program of ['bundled.mjs', 'exchange.mjs'])
    cpSync(join(root, 'test/package', program), join(folder, program))
  const options = { bundle: true, platform: 'node', format: 'cjs', logLevel: 'silent' }
  await build({ ...options, entryPoints: [join(folder, 'bundled.mjs')], outfile: join(folder, PROGRAM.main) })
  writeFileSync(join(folder, 'sea-config.json'), JSON.stringify(PROGRAM))
  const made = await run(node, ['--build-sea', 'sea-config.json'], { cwd: folder })
  if (!report.check(`Node ${VERSION} builds an application in one executable`, made)) return
  // A folder where no package is installed.
  const place = join(scratch, 'application')
  mkdirSync(join(place, 'run'), { recursive: true, mode: 0o700 })
  copyFileSync(join(folder, PROGRAM.output), join(place, PROGRAM.output))
  const expectOutput = async (name, pattern) => {
    const env = { SHMWIRE_DIR: join(place, 'run') }
    const { ok, output } = await run(join(place, PROGRAM.output), [], { cwd: place, env })
    report.check(name, { ok: ok && pattern.test(output.trim()), output })
  }
  await expectOutput(
    'without the addon, it uses the socket',
    /^unix .*\/application\/shmwire\.node does not exist/,
  )
  const shipped = `node_modules/shmwire/prebuilds/${process.platform}-${process.arch}/shmwire.node`
  copyFileSync(join(folder, shipped), join(place, 'shmwire.node'))
  await expectOutput('with the addon in its folder, it uses shared memory', /^shm$/)
}
