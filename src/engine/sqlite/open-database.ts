import { closeSync, openSync, statSync } from 'node:fs'
import { fileFault } from '../../control/file-fault.js'
import { ShmwireError } from '../../errors.js'
import type { Database, OpenDatabase } from './driver.js'
import { damaged, notStore, sqliteFault } from './sqlite-fault.js'
import type { StorePlace } from './store-backend.js'
import { numberOf, prepareTables } from './store-schema.js'

/** Of a database. */
const HEADER_BYTES = 100
const MODE = 0o600
/** A process that is ending releases its lock within this time. */
const BUSY_MS = 250
/** A log that one long transaction has made longer is cut to this size. */
const LOG_BYTES_MAX = 32 * 1024 * 1024
const CACHE_KIB = 8192

/**
 * Opens the database of a store and locks it until `close`, or until the process ends. The lock is a record lock of the operating system, so a
 * killed process leaves none. Creates the file if there is none. Changes no file that is not a store of this version.
 *
 * SQLite keeps the lock only while nothing else in this process opens and closes the file (sqlite.org/howtocorrupt.html, section 2.2). So this
 * code opens a file only to create it.
 */
export function openDatabase(open: OpenDatabase, place: StorePlace): Database {
  const { path } = place
  const isNew = createFile(path)
  let database: Database | undefined
  try {
    database = open(path)
    prepare(database, place, isNew)
    return database
  } catch (cause) {
    quietly(() => database?.close())
    throw sqliteFault(cause, path)
  }
}

/** Whether the file is empty. SQLite would create it with the rights that the umask leaves. */
function createFile(path: string): boolean {
  try {
    if (createdFile(path)) return true
    const { size } = statSync(path)
    // SQLite overwrites a file of one byte (unixFileSize in its os_unix.c).
    if (size > 0 && size < HEADER_BYTES) throw notStore(path, `it has ${size} bytes`)
    return size === 0
  } catch (cause) {
    if (cause instanceof ShmwireError) throw cause
    throw fileFault(cause, `the store ${path} cannot be created`, 'check its folder and its rights')
  }
}

function createdFile(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', MODE))
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    return false
  }
}

function prepare(database: Database, { path, codec, checkpointPages }: StorePlace, isNew: boolean): void {
  database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`)
  // Only in an empty file, because the statement reads the schema, which needs a file for shared memory unless the lock is exclusive.
  if (isNew) database.exec('PRAGMA auto_vacuum = INCREMENTAL')
  // A damaged or forged schema must not run code, and a file that becomes shorter must be an error and not a signal.
  database.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0')
  database.exec('PRAGMA locking_mode = EXCLUSIVE')
  database.exec('BEGIN EXCLUSIVE')
  prepareTables(database, path, codec)
  database.exec('COMMIT')
  const { journal_mode: mode } = database.prepare('PRAGMA journal_mode = WAL').get() as Record<string, string>
  if (mode !== 'wal') throw damaged(path, `the journal has the mode ${mode}`)
  // On macOS, fsync alone leaves data in the cache of the disk.
  database.exec('PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON')
  database.exec(
    `PRAGMA wal_autocheckpoint = ${checkpointPages}; PRAGMA journal_size_limit = ${LOG_BYTES_MAX}`,
  )
  database.exec(`PRAGMA cache_size = ${-CACHE_KIB}; PRAGMA temp_store = MEMORY`)
  if (numberOf(database, 'PRAGMA synchronous') !== 2) throw damaged(path, 'SQLite refuses synchronous = FULL')
}

function quietly(work: () => void): void {
  try {
    work()
  } catch {
    // The first error says more.
  }
}
