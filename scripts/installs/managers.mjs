import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BUN, NPM, PNPM, YARN } from './versions.mjs'

const NPM_CLI = 'npm/bin/npm-cli.js'
const WITHOUT_SCRIPTS = '--ignore-scripts'

/**
 * A package manager, by its name. `node` is the version of Node.js that runs it and the programs. `command` gets the folder with the downloaded
 * manager. `install` has the arguments that install a tarball. `run` are the words before the file of a program; without it, `node`.
 * `withoutScripts` disables the scripts of packages, by arguments or by the environment.
 */
export const MANAGERS = {
  'npm 10': npm(NPM[10], '20'),
  'npm 11': npm(NPM[11], '24'),
  'npm 12': npm(NPM[12], '26'),
  'pnpm 10': pnpm(PNPM[10], '20', 'pnpm.cjs'),
  'pnpm 11': pnpm(PNPM[11], '22', 'pnpm.mjs'),
  'pnpm 12': pnpm(PNPM[12], '26', 'pnpm.mjs'),
  'yarn 4 (PnP)': yarn('24', 'pnp'),
  'yarn 4 (node_modules)': yarn('22', 'node-modules'),
  bun: {
    specifier: BUN,
    node: '24',
    command: (modules) => [join(modules, '@oven/bun-linux-x64/bin/bun')],
    install: (tarball) => ['add', tarball],
    withoutScripts: { args: [WITHOUT_SCRIPTS] },
  },
}

function npm(specifier, node) {
  return {
    specifier,
    node,
    command: (modules) => ['node', join(modules, NPM_CLI)],
    install: (tarball) => ['install', tarball],
    withoutScripts: { args: [WITHOUT_SCRIPTS] },
  }
}

function pnpm(specifier, node, file) {
  return {
    specifier,
    node,
    command: (modules) => ['node', join(modules, 'pnpm/bin', file)],
    install: (tarball) => ['add', tarball],
    withoutScripts: { args: [WITHOUT_SCRIPTS] },
  }
}

/** Yarn needs a package.json, and has the scripts of dependencies disabled by default. */
function yarn(node, linker) {
  const command = (modules) => ['node', join(modules, '@yarnpkg/cli-dist/bin/yarn.js')]
  return {
    specifier: YARN,
    node,
    command,
    prepare(app) {
      writeFileSync(join(app, 'package.json'), '{"private":true}')
      writeFileSync(join(app, '.yarnrc.yml'), `nodeLinker: ${linker}\nenableScripts: true\n`)
    },
    install: (tarball) => ['add', `shmwire@file:${tarball}`],
    withoutScripts: { env: { YARN_ENABLE_SCRIPTS: 'false' } },
    // Yarn prints it for each package with ES modules.
    remarks: /^.*YN0092: .*ESM support for PnP uses the experimental loader API.*$|Done with warnings/gm,
    run: (modules) => [...command(modules), 'node'],
  }
}
