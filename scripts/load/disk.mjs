// A small disk for the store of the queue, which only this run sees, and which can be filled.
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const NAMESPACE = ['unshare', '--user', '--map-root-user', '--mount']
/** Set in the process that runs in a mount namespace of its own. */
const INSIDE = 'SHMWIRE_LOAD_NAMESPACE'
const DISK_BYTES = 48 * 1024 * 1024
const CHUNK = Buffer.alloc(64 * 1024)
const PAGE = Buffer.alloc(4096)

/** Runs this program again where it can mount a disk, and ends with its exit status. Returns if it is there, or cannot be. */
export async function enterNamespace() {
  if (INSIDE in process.env || process.platform !== 'linux') return
  const [program, ...words] = NAMESPACE
  const mount = 'mount -t tmpfs tmpfs /mnt'
  if (spawnSync(program, [...words, 'sh', '-c', mount]).status !== 0) return
  const child = spawn(program, [...words, process.execPath, ...process.argv.slice(1)], {
    env: { ...process.env, [INSIDE]: '1' },
    stdio: 'inherit',
  })
  const status = await new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
  process.exit(status)
}

export class Disk {
  /** Why it cannot be filled; undefined if it can. */
  missing
  #folder
  #balloon

  constructor(folder) {
    this.#folder = folder
    mkdirSync(folder, { mode: 0o700 })
    this.#balloon = join(folder, 'balloon')
    if (INSIDE in process.env) {
      const options = ['-t', 'tmpfs', '-o', `mode=700,size=${DISK_BYTES}`, 'tmpfs', folder]
      const { status, stderr } = spawnSync('mount', options, { encoding: 'utf8' })
      if (status !== 0) throw new Error(`the disk of the run was not mounted: ${stderr}`)
    } else this.missing = 'no user namespaces here, so no small disk (unshare of util-linux)'
  }

  /** Leaves no free page. */
  fill() {
    const file = openSync(this.#balloon, 'a')
    try {
      for (const part of [CHUNK, PAGE]) writeUntilFull(file, part)
    } finally {
      closeSync(file)
    }
  }

  free() {
    rmSync(this.#balloon)
  }

  remove() {
    if (this.missing === undefined) spawnSync('umount', [this.#folder])
  }
}

function writeUntilFull(file, part) {
  try {
    while (true) writeSync(file, part)
  } catch (error) {
    if (error.code !== 'ENOSPC') throw error
  }
}
