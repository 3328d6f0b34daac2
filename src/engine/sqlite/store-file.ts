import { crc32 } from 'node:zlib'
import type { ShmwireError } from '../../errors.js'
import { ChangeType, type ReadChange, readChanges } from './change-batch.js'
import type { Database, OpenDatabase, Statement } from './driver.js'
import { openDatabase } from './open-database.js'
import { type SnapshotRow, SnapshotWriter } from './snapshot.js'
import { damaged, sqliteFault } from './sqlite-fault.js'
import type { StorePlace } from './store-backend.js'
import { numberOf } from './store-schema.js'

const ROWS_MAX = 1000
/** `next_sequence` is raised by so many at once, so that most transactions do not write it. */
const SEQUENCES_RESERVED = 4096
/** How often the free pages are counted. */
const COMMITS_BETWEEN_COUNTS = 64
/** Fewer free pages stay in the file: 4 MiB. */
const FREE_PAGES_KEPT = 1024
/** How many pages one transaction removes, which bounds its time. */
const PAGES_REMOVED = 1024

/** A store that is open. Every method blocks its thread; most wait for the disk. */
export class StoreFile {
  readonly #path: string
  readonly #database: Database
  readonly #statements: Readonly<Record<keyof typeof STATEMENTS, Statement>>
  #reserved = 0
  #commits = 0
  #fault: ShmwireError | undefined

  private constructor(path: string, database: Database) {
    this.#path = path
    this.#database = database
    this.#statements = Object.fromEntries(
      Object.entries(STATEMENTS).map(([name, text]) => [name, database.prepare(text)]),
    ) as Record<keyof typeof STATEMENTS, Statement>
  }

  /** Throws `NAME_IN_USE`, `INVALID_ARGUMENT`, `VERSION`, `CORRUPT`, `DENIED`, `OUT_OF_MEMORY`. */
  static open(open: OpenDatabase, place: StorePlace): StoreFile {
    const { path } = place
    const database = openDatabase(open, place)
    try {
      return new StoreFile(path, database)
    } catch (cause) {
      database.close()
      throw sqliteFault(cause, path)
    }
  }

  /** The contents in parts. Throws `CORRUPT` if SQLite or a checksum finds damage. */
  *load(): Generator<Uint8Array<ArrayBuffer>, void> {
    try {
      this.#checkPages()
      const writer = new SnapshotWriter()
      this.#reserved = numberOf(this.#database, 'SELECT next_sequence FROM queue')
      writer.nextSequence(this.#reserved)
      for (const rows of this.#pagesOf('jobs', (row) => [row['sequence']])) {
        for (const row of rows) {
          writer.job(this.#checked(row as unknown as SnapshotRow))
          if (writer.isLarge) yield writer.take()
        }
      }
      for (const rows of this.#pagesOf('seen', (row) => [row['until_ms'], row['id']])) {
        for (const row of rows) writer.seen(row['until_ms'] as number, row['id'] as Uint8Array)
        if (writer.isLarge) yield writer.take()
      }
      yield writer.take()
    } catch (cause) {
      throw sqliteFault(cause, this.#path)
    }
  }

  /** Commits all changes in one transaction. Nothing is certain after an error: close the file. */
  commit(batch: Uint8Array): void {
    if (this.#fault !== undefined) throw this.#fault
    try {
      this.#statements.begin.run()
      for (const change of readChanges(batch)) this.#apply(change)
      this.#statements.commit.run()
    } catch (cause) {
      throw sqliteFault(cause, this.#path)
    }
    this.#commits += 1
  }

  /** Makes the file smaller after a time with many jobs. After an error, the next `commit` throws it. */
  tidy(): void {
    if (this.#commits % COMMITS_BETWEEN_COUNTS !== 0) return
    try {
      const free = numberOf(this.#database, 'PRAGMA freelist_count')
      if (free <= FREE_PAGES_KEPT || 2 * free <= numberOf(this.#database, 'PRAGMA page_count')) return
      this.#database.exec(`PRAGMA incremental_vacuum(${PAGES_REMOVED})`)
    } catch (cause) {
      this.#fault = sqliteFault(cause, this.#path)
    }
  }

  /** Copies the log to the file and removes the log. */
  close(): void {
    try {
      this.#database.close()
    } catch (cause) {
      throw sqliteFault(cause, this.#path)
    }
  }

  #checkPages(): void {
    const result = Object.values(
      this.#database.prepare('PRAGMA quick_check(1)').get() as object,
    )[0] as unknown
    if (result !== 'ok') throw damaged(this.#path, String(result))
  }

  *#pagesOf(
    table: keyof typeof PAGES,
    keyOf: (row: Record<string, unknown>) => unknown[],
  ): Generator<Record<string, unknown>[], void> {
    const statement = this.#database.prepare(PAGES[table].next)
    let rows = this.#database.prepare(PAGES[table].first).all() as Record<string, unknown>[]
    for (let last = rows.at(-1); last !== undefined; last = rows.at(-1)) {
      yield rows
      if (rows.length < ROWS_MAX) return
      rows = statement.all(...(keyOf(last) as number[])) as Record<string, unknown>[]
    }
  }

  #checked(row: SnapshotRow): SnapshotRow {
    const { sequence, checksum, record } = row
    if (!Number.isSafeInteger(sequence) || sequence < 1 || sequence >= this.#reserved)
      throw damaged(this.#path, `a job has the sequence ${sequence}, and the next one is ${this.#reserved}`)
    if (checksumOf(sequence, record) !== checksum)
      throw damaged(this.#path, `the checksum of job ${sequence} is wrong`)
    return row
  }

  #apply({ type, sequence, value, bytes }: ReadChange): void {
    const statements = this.#statements
    switch (type) {
      case ChangeType.ADD:
        this.#reserve(sequence)
        statements.add.run(sequence, checksumOf(sequence, bytes), bytes)
        if (value > 0) statements.delay.run(sequence, value, sequence)
        return
      case ChangeType.ATTEMPT:
        statements.attempt.run(sequence, value, sequence)
        return
      case ChangeType.DELAY:
        statements.delay.run(sequence, value, sequence)
        return
      case ChangeType.REMOVE:
        statements.remove.run(sequence)
        statements.removeState.run(sequence)
        return
      case ChangeType.DEAD:
        statements.dead.run(sequence, value, bytes, sequence)
        return
      case ChangeType.REVIVE:
        statements.removeState.run(sequence)
        return
      case ChangeType.SEEN:
        statements.seen.run(value, bytes)
        return
      case ChangeType.FORGET:
        statements.forget.run(value)
        return
      default:
        throw new RangeError(`unknown type of change: ${type}`)
    }
  }

  #reserve(sequence: number): void {
    if (sequence < this.#reserved) return
    this.#reserved = sequence + SEQUENCES_RESERVED
    this.#statements.reserve.run(this.#reserved)
  }
}

/** Also wrong for a record of another job. */
function checksumOf(sequence: number, record: Uint8Array): number {
  return crc32(record, sequence % 2 ** 32)
}

const STATE = 'INSERT INTO states (sequence, attempt, due_at_ms, dead_at_ms, dead_reason)'
const IF_JOB = 'WHERE EXISTS (SELECT 1 FROM jobs WHERE sequence = ?) ON CONFLICT (sequence) DO UPDATE SET'

const STATEMENTS = {
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  reserve: 'UPDATE queue SET next_sequence = ?',
  add: 'INSERT INTO jobs (sequence, checksum, record) VALUES (?, ?, ?)',
  attempt: `${STATE} SELECT ?, ?, 0, 0, NULL ${IF_JOB} attempt = excluded.attempt, due_at_ms = 0`,
  delay: `${STATE} SELECT ?, 0, ?, 0, NULL ${IF_JOB} due_at_ms = excluded.due_at_ms`,
  dead: `${STATE} SELECT ?, 0, 0, ?, ? ${IF_JOB} dead_at_ms = excluded.dead_at_ms, dead_reason = excluded.dead_reason`,
  remove: 'DELETE FROM jobs WHERE sequence = ?',
  removeState: 'DELETE FROM states WHERE sequence = ?',
  seen: 'INSERT OR IGNORE INTO seen (until_ms, id) VALUES (?, ?)',
  forget: 'DELETE FROM seen WHERE until_ms <= ?',
} as const

const JOBS = `SELECT sequence, checksum, record, attempt, due_at_ms, dead_at_ms, dead_reason
  FROM jobs LEFT JOIN states USING (sequence)`
const SEEN = 'SELECT until_ms, id FROM seen'

/** Each table in pages, in the order of its key. */
const PAGES = {
  jobs: {
    first: `${JOBS} ORDER BY sequence LIMIT ${ROWS_MAX}`,
    next: `${JOBS} WHERE sequence > ? ORDER BY sequence LIMIT ${ROWS_MAX}`,
  },
  seen: {
    first: `${SEEN} ORDER BY until_ms, id LIMIT ${ROWS_MAX}`,
    next: `${SEEN} WHERE (until_ms, id) > (?, ?) ORDER BY until_ms, id LIMIT ${ROWS_MAX}`,
  },
} as const
