import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from './turns.js'

/** A control group (version 2) below that of this process. */
export class ControlGroup {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /** The group, or the reason why none with these files can be created. */
  static create(...files: readonly string[]): ControlGroup | string {
    try {
      const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
      const mount = mounts.map((line) => line.split(' ')).find((fields) => fields[2] === 'cgroup2')?.[1]
      const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1]
      if (mount === undefined || own === undefined) return 'there are no control groups of version 2'
      const group = new ControlGroup(join(mount, own, `shmwire-test-${process.pid}`))
      mkdirSync(group.folder)
      const lacking = files.filter((file) => !group.has(file))
      if (lacking.length === 0) return group
      group.remove()
      return `control groups here have no ${lacking.join(', ')}`
    } catch (error) {
      return `no control group can be made: ${(error as Error).message}`
    }
  }

  add(pid: number): void {
    this.write('cgroup.procs', String(pid))
  }

  write(file: string, value: string): void {
    writeFileSync(join(this.folder, file), value)
  }

  /** Suspends all processes of the group; resolves when they are suspended. */
  async freeze(): Promise<void> {
    this.write('cgroup.freeze', '1')
    await eventually(() => this.#read('cgroup.events').includes('frozen 1'))
  }

  thaw(): void {
    this.write('cgroup.freeze', '0')
  }

  /** Removes the group. Its processes must have ended. */
  remove(): void {
    rmdirSync(this.folder)
  }

  has(file: string): boolean {
    try {
      this.#read(file)
      return true
    } catch {
      return false
    }
  }

  #read(file: string): string {
    return readFileSync(join(this.folder, file), 'utf8')
  }
}
