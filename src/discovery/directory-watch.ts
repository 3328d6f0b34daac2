import { type FSWatcher, statSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { fileFault } from '../control/file-fault.js'
import { ErrorCode, ShmwireError } from '../errors.js'

/** Another program would have to replace the directory within microseconds, each time. */
const ATTEMPTS_MAX = 16

/**
 * Reports that something has changed in a directory: inotify on Linux, FSEvents on macOS, ReadDirectoryChangesW on Windows. While the
 * directory does not exist, it watches the parent. A report says little: read the directory, after `follow`.
 */
export class DirectoryWatch {
  readonly #directory: string
  readonly #onChange: (file: string | undefined) => void
  #watcher: FSWatcher | undefined
  /** Path and identity of the watched directory. */
  #watched = ''
  #referenced = true

  /** `onChange` gets the name of the changed file in the directory, if the system reports it. */
  constructor(directory: string, onChange: (file: string | undefined) => void) {
    this.#directory = directory
    this.#onChange = onChange
  }

  /**
   * Watches what is at the path now: the directory, or another one in its place, or the parent. Everything that happens from now on is
   * reported. True: that was not watched before. Throws `INVALID_ARGUMENT`, `DENIED`, `OUT_OF_MEMORY`.
   */
  follow(): boolean {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const { path, key } = this.#present()
      // Not right after the watch began, because another directory can have taken the path before.
      if (key === this.#watched) return attempt > 0
      this.#watched = this.#watch(path) ? key : ''
    }
    throw new ShmwireError(
      ErrorCode.DENIED,
      `the directory ${this.#directory} cannot be watched: another program replaces it all the time; stop that program`,
    )
  }

  ref(): void {
    this.#referenced = true
    this.#watcher?.ref()
  }

  unref(): void {
    this.#referenced = false
    this.#watcher?.unref()
  }

  close(): void {
    this.#watcher?.close()
    this.#watcher = undefined
  }

  #present(): { readonly path: string; readonly key: string } {
    const directory = this.#directory
    const parent = dirname(directory)
    for (const path of [directory, parent]) {
      const identity = this.#identify(path)
      if (identity !== undefined) return { path, key: `${path} ${identity}` }
    }
    throw new ShmwireError(
      ErrorCode.INVALID_ARGUMENT,
      `the directory ${directory} for sockets cannot be watched, because ${parent} does not exist; create that, or name another directory`,
    )
  }

  #identify(path: string): string | undefined {
    try {
      // Follows symbolic links, as the watch does.
      const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
      return stats && `${stats.dev}:${stats.ino}`
    } catch (error) {
      throw this.#fault(error)
    }
  }

  /** False: it is gone. */
  #watch(path: string): boolean {
    this.close()
    const isParent = path !== this.#directory
    // The parent can be a busy directory.
    const own = basename(this.#directory)
    try {
      this.#watcher = watch(path, { persistent: this.#referenced }, (_event, file) => {
        if (!isParent) this.#onChange(file ?? undefined)
        else if (file === null || file === own) this.#onChange(undefined)
      })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
      throw this.#fault(error)
    }
    // Windows reports the removal of the directory as an error.
    this.#watcher.on('error', () => {
      this.#watched = ''
      this.#onChange(undefined)
    })
    return true
  }

  #fault(error: unknown): ShmwireError {
    return fileFault(
      error,
      `the directory ${this.#directory} for sockets cannot be watched`,
      'check its owner and mode; if the limit of watches is reached, close other watchers, or raise fs.inotify.max_user_instances and fs.inotify.max_user_watches',
    )
  }
}
