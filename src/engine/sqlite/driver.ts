import process from 'node:process'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { firstLineOfThrown } from '../../uncaught.js'

/** A value of a column. */
export type Column = number | null | Uint8Array | string

export interface Statement {
  run(...values: Column[]): unknown
  get(...values: Column[]): unknown
  all(...values: Column[]): unknown[]
}

/** The part of SQLite that the store uses. `DatabaseSync` of node:sqlite and `Database` of better-sqlite3 both have it. */
export interface Database {
  exec(statements: string): unknown
  prepare(statement: string): Statement
  close(): unknown
}

/** Opens a database for reading and writing. An absolute path has no special meaning, as `:memory:` has. */
export type OpenDatabase = (absolutePath: string) => Database

const PACKAGE = 'better-sqlite3'
const REMEDY = `use Node.js 22.13 or newer, or run: npm install ${PACKAGE}@12`

/** SQLite of Node.js if this version has it, otherwise the optional package. Rejects with `UNAVAILABLE` if there is neither. */
export async function loadDriver(): Promise<OpenDatabase> {
  return builtInDriver() ?? (await packageDriver())
}

interface SqliteModule {
  readonly DatabaseSync: new (path: string) => Database
}

/** Node.js has it from 22.5, with a flag until 22.13. */
function builtInDriver(): OpenDatabase | undefined {
  const module = process.getBuiltinModule('node:sqlite') as SqliteModule | undefined
  if (module === undefined) return undefined
  return (path) => new module.DatabaseSync(path)
}

async function packageDriver(): Promise<OpenDatabase> {
  const Database = await importPackage()
  return (path) => {
    try {
      return new Database(path)
    } catch (cause) {
      // The package loads its binary with the first database.
      if (isOfSqlite(cause)) throw cause
      throw unavailable(
        `${PACKAGE} cannot be loaded (${firstLineOfThrown(cause)}); run: npm rebuild ${PACKAGE}`,
        cause,
      )
    }
  }
}

async function importPackage(): Promise<new (path: string) => Database> {
  try {
    // A bundler must not resolve an optional package.
    const { default: Database } = await import(/* webpackIgnore: true */ /* @vite-ignore */ PACKAGE)
    return Database
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND')
      throw unavailable(`the store of a queue needs SQLite; ${REMEDY}`, cause)
    throw unavailable(`${PACKAGE} cannot be loaded (${firstLineOfThrown(cause)}); ${REMEDY}`, cause)
  }
}

function isOfSqlite(cause: unknown): boolean {
  const { code } = cause as NodeJS.ErrnoException
  return typeof code === 'string' && code.startsWith('SQLITE_')
}

function unavailable(message: string, cause: unknown): ShmwireError {
  return new ShmwireError(ErrorCode.UNAVAILABLE, message, { cause })
}
