import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TARGETS } from './targets.mjs'

/**
 * prebuilds/manifest.json: the compiler and, for each platform, the size and the SHA-256 of the binary and of everything it was built
 * from.
 */
export class Manifest {
  #file
  #folder
  #platforms

  constructor(root) {
    this.#folder = join(root, 'prebuilds')
    this.#file = join(this.#folder, 'manifest.json')
    this.#platforms = existsSync(this.#file) ? JSON.parse(readFileSync(this.#file, 'utf8')).platforms : {}
  }

  isFresh(name, inputs) {
    const entry = this.#platforms[name]
    const file = join(this.#folder, name, 'shmwire.node')
    return entry?.inputs === inputs && existsSync(file) && entry.sha256 === sha256(readFileSync(file))
  }

  add(name, inputs) {
    const binary = readFileSync(join(this.#folder, name, 'shmwire.node'))
    this.#platforms[name] = { bytes: binary.length, sha256: sha256(binary), inputs }
  }

  has(name) {
    return name in this.#platforms
  }

  /** Also deletes the folders of platforms that it does not list. */
  write(compiler) {
    const names = TARGETS.map(({ name }) => name).filter((name) => name in this.#platforms)
    for (const entry of readdirSync(this.#folder, { withFileTypes: true })) {
      if (entry.isDirectory() && !names.includes(entry.name))
        rmSync(join(this.#folder, entry.name), { recursive: true })
    }
    const platforms = Object.fromEntries(names.map((name) => [name, this.#platforms[name]]))
    writeFileSync(this.#file, `${JSON.stringify({ compiler, platforms }, null, 2)}\n`)
  }

  describe(name) {
    const { bytes, sha256: hash } = this.#platforms[name]
    return `prebuilds/${name}/shmwire.node  ${bytes} bytes  sha256 ${hash}`
  }
}

export function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex')
}
