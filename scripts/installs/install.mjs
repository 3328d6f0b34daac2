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
 * programs of the README there.
 */
export async function testManager(report, [name, manager], { tarball, scratch, withDemo = false }) {
  const { modules, missing } = await folderOf(manager)
  const { path: node, missing: missingNode } = await nodeOf(manager.node)
  if (node === undefined || missing !== undefined) return report.skip(name, missing ?? missingNode)
  const title = `${name}, Node ${manager.node ?? process.versions.node}`
  for (const scriptsOff of [false, true]) {
    const scripts = `with scripts ${scriptsOff ? 'off' : 'on'}`
    const machine = new BareMachine(mkdtempSync(join(scratch, 'machine-')), node)
    const installed = await install(machine, { manager, modules, tarball, scriptsOff })
    if (!report.check(`${title}: installs ${scripts}, without a warning`, installed)) continue
    const command = manager.run?.(modules) ?? ['node']
    const faults = await runReadme(machine, command)
    report.check(`${title}: the programs of the README use shared memory, ${scripts}`, verdict(faults))
    if (withDemo && scriptsOff) {
      const demoFaults = await runDemo(machine, command)
      report.check(`${title}: the demo of the README uses shared memory`, verdict(demoFaults))
    }
  }
}

async function folderOf({ specifier }) {
  return specifier === undefined ? {} : await download(specifier)
}

async function install(machine, { manager, modules, tarball, scriptsOff }) {
  manager.prepare?.(machine.app)
  const { args = [], env = {} } = scriptsOff ? manager.withoutScripts : {}
  const command = [...manager.command(modules), ...manager.install(tarball), ...args]
  const { ok, output } = await machine.run(command, { env })
  const warning = WARNINGS.exec(output.replace(manager.remarks ?? '', ''))
  return warning === null ? { ok, output } : { ok: false, output: `${output}\nhas the word '${warning[0]}'` }
}

function verdict(faults) {
  return { ok: faults.length === 0, output: faults.join('\n') }
}
