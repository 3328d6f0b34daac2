import { ErrorCode, ShmwireError } from '../../errors.js'
import type { Database } from './driver.js'
import { damaged, notStore } from './sqlite-fault.js'

/** `shmw`, by which SQLite and `file` distinguish the file from other databases. */
const APPLICATION_ID = 0x73_68_6d_77
/** A change of the tables needs another version, and code that converts the older one. */
const SCHEMA_VERSION = 1

/**
 * The states of jobs have a table of their own, with rows for jobs that were dispatched, delayed or dead: a change of a state does not write the
 * record of the job again, which can be long. `seen` is ordered by time, so ids are appended at one end and forgotten at the other.
 */
const TABLES = `
CREATE TABLE queue (
  id INTEGER PRIMARY KEY CHECK (id = 1), codec TEXT NOT NULL, next_sequence INTEGER NOT NULL
) STRICT;
CREATE TABLE jobs (
  sequence INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, record BLOB NOT NULL
) STRICT;
CREATE TABLE states (
  sequence INTEGER PRIMARY KEY, attempt INTEGER NOT NULL, due_at_ms INTEGER NOT NULL,
  dead_at_ms INTEGER NOT NULL, dead_reason BLOB
) STRICT;
CREATE TABLE seen (
  until_ms INTEGER NOT NULL, id BLOB NOT NULL, PRIMARY KEY (until_ms, id)
) WITHOUT ROWID, STRICT;
`

/** Creates the tables in an empty database. Throws if the database belongs to another program, version or codec. Call it in a transaction. */
export function prepareTables(database: Database, path: string, codec: string): void {
  const applicationId = numberOf(database, 'PRAGMA application_id')
  const version = numberOf(database, 'PRAGMA user_version')
  const objects = numberOf(database, 'SELECT count(*) FROM sqlite_schema')
  if (applicationId === 0 && version === 0 && objects === 0) {
    database.exec(TABLES)
    database.prepare('INSERT INTO queue VALUES (1, ?, 1)').run(codec)
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`)
    return
  }
  if (applicationId !== APPLICATION_ID) throw notStore(path, 'it is a database of another program')
  if (version !== SCHEMA_VERSION)
    throw new ShmwireError(
      ErrorCode.VERSION,
      `the store ${path} has version ${version}, and this version of shmwire uses ${SCHEMA_VERSION}; ` +
        'use a newer version of shmwire, or choose another file; it was not changed',
    )
  checkCodec(database, path, codec)
}

function checkCodec(database: Database, path: string, codec: string): void {
  const row = database.prepare('SELECT codec FROM queue').get() as { codec: string } | undefined
  if (row === undefined) throw damaged(path, 'the table queue is empty')
  if (row.codec !== codec)
    throw new ShmwireError(
      ErrorCode.INVALID_ARGUMENT,
      `the jobs in ${path} have the codec "${row.codec}", and the queue uses "${codec}"; ` +
        'use the same codec, or choose another file',
    )
}

/** The number that a statement returns in its only column. */
export function numberOf(database: Database, statement: string): number {
  return Object.values(database.prepare(statement).get() as Record<string, number>)[0] ?? Number.NaN
}
