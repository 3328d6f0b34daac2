import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { BareMachine } from './bare-machine.mjs'
import { download } from './download.mjs'
import { nodeOf } from './node.mjs'
import { runDemo, runReadme } from './readme.mjs'

/** The words of all managers for a package with an install script, and for other warnings. */
const WARNINGS = /\b(?:warn\w*|deprecated|ignored|blocked|disabled|approve|unmet|ERR_\w+)\b/i

/**
 * Installs the tarball with a package manager into an empty folder of a bare machine, with and without the scripts of packages. Then runs the
 * programs of the README there. The long form also runs its demo, and installs `scripted`, a package with an install script, which the
 * manager must report.
 */
export async function testManager(report, [name, manager], { tarball, scratch, scripted }) {
  const { modules, missing } = await folderOf(manager)
  const { path: node, missing: missingNode } = await nodeOf(manager.node)
  if (node === undefined || missing !== undefined) return report.skip(name, missing ?? missingNode)
  const title = `${name}, Node ${manager.node ?? process.versions.node}`
  const newMachine = () => new BareMachine(mkdtempSync(join(scratch, 'machine-')), node)
  const command = manager.run?.(modules) ?? ['node']
  for (const scripts of ['on', 'off']) {
    const machine = newMachine()
    const installed = await install(machine, { manager, modules, tarball, scripts })
    if (!report.check(`${title}: installs with scripts ${scripts}, without a warning`, installed)) continue
    const faults = await runReadme(machine, command)
    report.check(
      `${title}: the programs of the README use shared memory, with scripts ${scripts}`,
      verdict(faults),
    )
    if (scripted === undefined || scripts === 'on') continue
    report.check(
      `${title}: the demo of the README uses shared memory`,
      verdict(await runDemo(machine, command)),
    )
  }
  if (scripted === undefined || manager.reportsScripts === undefined) return
  const options = { manager, modules, tarball: scripted, scripts: manager.reportsScripts }
  const { ok, output } = await install(newMachine(), options)
  report.check(`${title}: reports a package with an install script`, { ok: !ok, output })
}

async function folderOf({ specifier }) {
  return specifier === undefined ? {} : await download(specifier)
}

async function install(machine, { manager, modules, tarball, scripts }) {
  manager.prepare?.(machine.app)
  const { args = [], env = {} } = scripts === 'off' ? manager.withoutScripts : {}
  const command = [...manager.command(modules), ...manager.install(tarball), ...args]
  const { ok, output } = await machine.run(command, { env })
  const warning = WARNINGS.exec(output.replace(manager.remarks ?? '', ''))
  return warning === null ? { ok, output } : { ok: false, output: `${output}\nhas the word '${warning[0]}'` }
}

function verdict(faults) {
  return { ok: faults.length === 0, output: faults.join('\n') }
}
