import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { find, findAny, root, run } from './command.mjs'

const PARTS = ['package.json', 'binding.gyp', 'CMakeLists.txt', 'CMakePresets.json', 'cmake', 'native']
const ADDON = 'build/Release/shmwire.node'

/** Builds the addon with both build systems, each in a copy, so that neither uses files of the other. */
export async function addons(report) {
  const compiler = findAny('c++', 'g++', 'clang++') === undefined ? ['g++'] : []
  const make = find('make') === undefined ? ['make'] : []
  const python = find('python3') === undefined ? ['python3'] : []
  const cmake = find('cmake') === undefined ? ['cmake'] : []
  const generator = findAny('ninja', 'make') === undefined ? ['ninja-build'] : []
  await buildAndLoad(
    report,
    'node-gyp',
    [...compiler, ...make, ...python],
    [join(root, 'node_modules/node-gyp/bin/node-gyp.js'), 'rebuild', ...headers()],
  )
  await buildAndLoad(
    report,
    'cmake-js',
    [...compiler, ...cmake, ...generator],
    [join(root, 'node_modules/cmake-js/bin/cmake-js'), 'rebuild'],
  )
}

/** The headers beside the binary of Node, if they are there. Otherwise node-gyp downloads them. */
function headers() {
  const prefix = dirname(dirname(process.execPath))
  return existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : []
}

async function buildAndLoad(report, name, missing, args) {
  if (missing.length > 0) return report.skip(`addon by ${name}`, `apt-get install ${missing.join(' ')}`)
  const folder = mkdtempSync(join(tmpdir(), `shmwire-${name}-`))
  try {
    for (const part of PARTS) {
      if (existsSync(join(root, part))) cpSync(join(root, part), join(folder, part), { recursive: true })
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    const built = await run(process.execPath, args, { cwd: folder })
    if (!report.check(`addon by ${name} builds`, built)) return
    const load = `const addon = require(${JSON.stringify(join(folder, ADDON))})
      if (typeof addon.Endpoint !== 'function' || !(addon.LAYOUT_VERSION >= 1)) throw new Error(Object.keys(addon))`
    report.check(`addon by ${name} loads`, await run(process.execPath, ['-e', load]))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
