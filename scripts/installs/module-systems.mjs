import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root, run } from '../stages/command.mjs'
import { download } from './download.mjs'
import { nodeOf } from './node.mjs'
import { installTarball } from './pack.mjs'
import { NODES, TYPESCRIPT } from './versions.mjs'

/** Programs with types, which are copied with the extension of each project. */
const TYPED_PROGRAMS = ['consumer', 'types']
const OPTIONS = {
  target: 'es2023',
  lib: ['es2023', 'esnext.disposable'],
  types: ['node'],
  strict: true,
  noEmit: true,
}

/** How TypeScript finds the declarations, by the name of the test. */
const PROJECTS = {
  'nodenext, ES module': { extension: 'mts', options: { module: 'nodenext' } },
  'nodenext, CommonJS': { extension: 'cts', options: { module: 'nodenext' } },
  bundler: { extension: 'ts', options: { module: 'preserve', moduleResolution: 'bundler' } },
  node10: {
    extension: 'ts',
    options: { module: 'commonjs', moduleResolution: 'node10', esModuleInterop: true },
    onlyOld: true,
  },
}

/** Loads every entry of the package by `import` and `require` in each Node.js, and its types with each way to find them. */
export async function moduleSystems(report, { tarball, scratch }) {
  const folder = join(scratch, 'module-systems')
  if (!(await installTarball(report, folder, tarball))) return
  linkPeers(folder)
  cpSync(join(root, 'test/package/subpaths.cjs'), join(folder, 'subpaths.cjs'))
  for (const major of Object.keys(NODES)) {
    const { path, missing } = await nodeOf(major)
    const name = `${NODES[major]}: import and require of every entry`
    if (missing === undefined) report.check(name, await run(path, ['subpaths.cjs'], { cwd: folder }))
    else report.skip(name, missing)
  }
  await types(report, folder)
}

async function types(report, folder) {
  const old = await download(TYPESCRIPT)
  const compilers = [['TypeScript of the repository', join(root, 'node_modules'), false]]
  if (old.missing === undefined) compilers.push([TYPESCRIPT, old.modules, true])
  else report.skip(TYPESCRIPT, old.missing)
  for (const [name, modules, isOld] of compilers) {
    for (const [project, { extension, options, onlyOld = false }] of Object.entries(PROJECTS)) {
      if (onlyOld && !isOld) continue
      const files = writeProject(folder, extension, options)
      const compiled = await run(process.execPath, [join(modules, 'typescript/bin/tsc'), '-p', '.'], {
        cwd: folder,
      })
      report.check(`${name}: ${project}`, compiled)
      for (const file of files) rmSync(join(folder, file))
    }
  }
}

/** A program that imports every entry, and the programs with types. Returns the names of the files. */
function writeProject(folder, extension, options) {
  const { exports: entries } = JSON.parse(
    readFileSync(join(folder, 'node_modules/shmwire/package.json'), 'utf8'),
  )
  const names = Object.keys(entries).filter((entry) => entries[entry].types !== undefined)
  const imports = names.map(
    (entry, index) => `import * as part${index} from '${entry.replace('.', 'shmwire')}'`,
  )
  const used = `export const parts = [${names.map((_, index) => `part${index}`).join(', ')}]`
  const files = [`every-entry.${extension}`, ...TYPED_PROGRAMS.map((name) => `${name}.${extension}`)]
  writeFileSync(join(folder, files[0]), `${imports.join('\n')}\n${used}\n`)
  TYPED_PROGRAMS.forEach((name, index) => {
    cpSync(join(root, `test/package/${name}.mts`), join(folder, files[index + 1]))
  })
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...OPTIONS, ...options }, files }),
  )
  return files
}

/** The packages that some entries need, and the types of Node.js, as a user has them. */
function linkPeers(folder) {
  const { peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  for (const name of [...Object.keys(peerDependencies), '@types/node', '@types/ws']) {
    const link = join(folder, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), link)
  }
}
