import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../stages/command.mjs'

/** A registry without answers: the package has no dependencies, so its tarball installs without a network. */
const NO_REGISTRY = 'http://127.0.0.1:9'

/** The settings of all package managers. Each ignores those of the others. */
const SETTINGS = {
  npm_config_registry: NO_REGISTRY,
  // npm 10 asks for the optional peers, and can do without an answer.
  npm_config_fetch_retries: '0',
  pnpm_config_registry: NO_REGISTRY,
  YARN_NPM_REGISTRY_SERVER: NO_REGISTRY,
  YARN_ENABLE_TELEMETRY: '0',
  NO_COLOR: '1',
}

/**
 * A machine with Node.js and a shell, but without a compiler, Python, settings of a user, and caches. `app` is an empty folder on it.
 */
export class BareMachine {
  #folder
  app
  env

  constructor(folder, node) {
    this.#folder = folder
    const bin = join(folder, 'bin')
    mkdirSync(bin, { recursive: true })
    symlinkSync(node, join(bin, 'node'))
    symlinkSync('/bin/sh', join(bin, 'sh'))
    this.env = {
      ...SETTINGS,
      PATH: bin,
      HOME: this.#make('home'),
      TMPDIR: this.#make('tmp'),
      SHMWIRE_DIR: this.#make('run'),
    }
    this.app = this.#make('app')
  }

  #make(name) {
    const path = join(this.#folder, name)
    mkdirSync(path, { mode: 0o700 })
    return path
  }

  run([command, ...args], { env = {}, timeoutMs = 120_000 } = {}) {
    return run(command, args, { cwd: this.app, bare: true, env: { ...this.env, ...env }, timeoutMs })
  }
}
