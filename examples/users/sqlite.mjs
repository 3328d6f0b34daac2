// SQLite of Node.js 22.13 and newer; before, the package better-sqlite3, which has the same methods.

/** Opens a file, or creates it. */
export async function openSqlite(file) {
  const Database = await databaseClass()
  const database = new Database(file)
  // Readers do not block the writer.
  database.exec('PRAGMA journal_mode = WAL')
  // Each commit is on the disk before its call returns. With NORMAL, it would survive a killed process, but not a power failure.
  database.exec('PRAGMA synchronous = FULL')
  return database
}

/** Whether a value is already in a column that is UNIQUE. The two packages report it differently. */
export function isDuplicate({ code, errcode }) {
  const SQLITE_CONSTRAINT_UNIQUE = 2067
  return code === 'SQLITE_CONSTRAINT_UNIQUE' || errcode === SQLITE_CONSTRAINT_UNIQUE
}

async function databaseClass() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 13)) return (await import('node:sqlite')).DatabaseSync
  return (await import('better-sqlite3')).default
}
