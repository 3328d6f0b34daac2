import { realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { find } from '../stages/command.mjs'
import { BUN, NPM, PNPM, YARN } from './versions.mjs'

/**
 * The package managers by their names. `specifier` is their package, without one it is installed here. `node` is the version of Node.js that
 * runs the manager and the programs, without one it is this Node.js. `command` gets the folder with the package. `run` are the words before
 * the file of a program, without it `node`. `withoutScripts` disables the scripts of packages, by arguments or by the environment.
 * `reportsScripts` has the setting of scripts with which it reports a package with an install script.
 */
export const MANAGERS = {
  // It runs install scripts without a remark.
  [NPM[10]]: { ...npm(NPM[10], '20'), reportsScripts: undefined },
  [NPM[11]]: npm(NPM[11], '24'),
  [NPM[12]]: npm(NPM[12], '26'),
  [PNPM[10]]: pnpm(PNPM[10], '20', 'pnpm.cjs'),
  [PNPM[11]]: pnpm(PNPM[11], '22', 'pnpm.mjs'),
  [PNPM[12]]: pnpm(PNPM[12], '26', 'pnpm.mjs'),
  [`${YARN}, PnP`]: yarn('24', 'pnp'),
  [`${YARN}, node_modules`]: yarn('22', 'node-modules'),
  [BUN]: {
    ...commands(BUN, '24', 'add'),
    command: (modules) => [join(modules, '@oven/bun-linux-x64/bin/bun')],
  },
}

/** A few of them, for each change. The npm of this machine, and the two that differ most from it. */
export const FEW_MANAGERS = {
  'npm of this machine': {
    ...commands(undefined, undefined, 'install'),
    command: () => ['node', realpathSync(find('npm'))],
  },
  [PNPM[12]]: pnpm(PNPM[12], undefined, 'pnpm.mjs'),
  [`${YARN}, PnP`]: yarn('24', 'pnp'),
}

function commands(specifier, node, verb) {
  return {
    specifier,
    node,
    install: (tarball) => [verb, tarball],
    withoutScripts: { args: ['--ignore-scripts'] },
    reportsScripts: 'on',
  }
}

function npm(specifier, node) {
  return {
    ...commands(specifier, node, 'install'),
    command: (modules) => ['node', join(modules, 'npm/bin/npm-cli.js')],
  }
}

function pnpm(specifier, node, file) {
  return {
    ...commands(specifier, node, 'add'),
    command: (modules) => ['node', join(modules, 'pnpm/bin', file)],
  }
}

/** Yarn needs a package.json, and disables the scripts of dependencies by default. */
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
    reportsScripts: 'off',
    // Yarn prints it for each package with ES modules.
    remarks: /^.*YN0092: .*ESM support for PnP uses the experimental loader API.*$|Done with warnings/gm,
    run: (modules) => [...command(modules), 'node'],
  }
}
