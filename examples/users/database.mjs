// The users in a database, with its errors as those of the service.
import { ServiceError } from 'shmwire'
import { isDuplicate, openSqlite } from './sqlite.mjs'

// AUTOINCREMENT: the id of a deleted user is not used again, so a stream can continue after it.
const TABLE = `CREATE TABLE IF NOT EXISTS users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  email TEXT NOT NULL COLLATE NOCASE UNIQUE
)`

export async function openUsers(file) {
  const database = await openSqlite(file)
  database.exec(TABLE)
  const select = database.prepare('SELECT id, name, email FROM users WHERE id = ?')
  const page = database.prepare('SELECT id, name, email FROM users WHERE id > ? ORDER BY id LIMIT ?')
  const insert = database.prepare('INSERT INTO users (name, email) VALUES (?, ?)')
  const update = database.prepare('UPDATE users SET name = ?, email = ? WHERE id = ?')
  const remove = database.prepare('DELETE FROM users WHERE id = ?')
  // `run` also fails when the commit fails. `get` with RETURNING would report the new row, and no error of the commit.
  return {
    get(id) {
      const user = select.get(id)
      if (user === undefined) throw notFound(id)
      return user
    },
    create({ name, email }) {
      const { lastInsertRowid } = withEmail(email, () => insert.run(name, email))
      return { id: Number(lastInsertRowid), name, email }
    },
    update({ id, name, email }) {
      const { changes } = withEmail(email, () => update.run(name, email, id))
      if (changes === 0) throw notFound(id)
      return { id, name, email }
    },
    delete(id) {
      if (remove.run(id).changes === 0) throw notFound(id)
    },
    /** At most `count` users with a larger id, in order. They are read at once: no transaction stays open. */
    pageAfter: (id, count) => page.all(id, count),
    close: () => database.close(),
  }
}

function notFound(id) {
  return new ServiceError('NOT_FOUND', `User with ID ${id} not found`, {
    reason: 'USER_NOT_FOUND',
    details: { id },
  })
}

function withEmail(email, write) {
  try {
    return write()
  } catch (cause) {
    if (!isDuplicate(cause)) throw cause
    throw new ServiceError('ALREADY_EXISTS', `another user has the e-mail address ${email}`, {
      reason: 'EMAIL_TAKEN',
      details: { email },
      cause,
    })
  }
}
