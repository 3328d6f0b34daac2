// Files that are not a store of this version, or that are damaged: each is refused and stays as it is.
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { loadDriver } from '../../../../src/engine/sqlite/driver.js'
import { SqliteStore } from '../../../../src/engine/sqlite/sqlite-store.js'
import { ErrorCode } from '../../../../src/errors.js'
import { add, sequencesIn } from '../../../support/stored-jobs.js'
import { temporaryDirectory } from '../../../support/temporary-directory.js'

const PAGE_BYTES = 4096

let folder = ''
let path = ''
beforeEach(() => {
  folder = temporaryDirectory()
  path = join(folder, 'jobs.sqlite')
})

async function loadError(codec?: string): Promise<unknown> {
  const store = new SqliteStore(path, { thread: false, codec })
  return store.load().then(
    () => store.close().then(() => 'loaded'),
    (error: unknown) => error,
  )
}

async function createStore(jobs: number, codec?: string): Promise<void> {
  const store = new SqliteStore(path, { thread: false, codec })
  await store.load()
  const body = new Uint8Array(200).fill(7)
  await store.write(Array.from({ length: jobs }, (_, index) => add(index + 1, { body })))
  await store.close()
}

async function execute(statements: string): Promise<void> {
  const open = await loadDriver()
  const database = open(path)
  database.exec(statements)
  database.close()
}

async function expectRefusal(code: ErrorCode, text: string): Promise<void> {
  const before = readFileSync(path)
  expect(await loadError()).toMatchObject({ code, message: expect.stringContaining(text) })
  expect(readFileSync(path).equals(before)).toBe(true)
}

describe('a store refuses', () => {
  it('a file that is not a database', async () => {
    writeFileSync(path, 'a text of some length '.repeat(500))
    await expectRefusal(ErrorCode.INVALID_ARGUMENT, 'is not a store of a queue')
  })

  it('a short file', async () => {
    for (const bytes of [1, 99, 100, 512]) {
      writeFileSync(path, 'x'.repeat(bytes))
      await expectRefusal(ErrorCode.INVALID_ARGUMENT, 'is not a store of a queue')
    }
  })

  it('the database of another program', async () => {
    await execute('CREATE TABLE theirs (a)')
    await expectRefusal(ErrorCode.INVALID_ARGUMENT, 'it is a database of another program')
  })

  it('the empty database of another program', async () => {
    await execute('PRAGMA application_id = 7')
    await expectRefusal(ErrorCode.INVALID_ARGUMENT, 'it is a database of another program')
  })

  it('a store of a newer version', async () => {
    await createStore(1)
    await execute('PRAGMA user_version = 2')
    await expectRefusal(ErrorCode.VERSION, 'has version 2, and this version of shmwire uses 1')
  })

  it('a store with another codec', async () => {
    await createStore(1, 'json')
    expect(await loadError('msgpack')).toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
      message: expect.stringContaining('have the codec "json", and the queue uses "msgpack"'),
    })
    expect(await loadError('json')).toBe('loaded')
  })

  it('a folder that does not exist', async () => {
    path = join(folder, 'none', 'jobs.sqlite')
    expect(await loadError()).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
  })

  it('a folder in place of the file', async () => {
    mkdirSync(path)
    expect(await loadError()).toMatchObject({ code: ErrorCode.DENIED })
  })

  it.skipIf(process.platform === 'win32')('a link to a file that does not exist', async () => {
    symlinkSync(join(folder, 'none'), path)
    expect(await loadError()).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
  })

  it('a changed byte in a record', async () => {
    await createStore(1)
    const content = readFileSync(path)
    const place = content.indexOf(Buffer.alloc(200, 7))
    overwrite(place + 100, Buffer.of(8))
    await expectRefusal(ErrorCode.CORRUPT, 'the checksum of job 1 is wrong')
  })

  it('a page of zeros', async () => {
    await createStore(1000)
    overwrite(statSync(path).size - 10 * PAGE_BYTES, Buffer.alloc(PAGE_BYTES))
    await expectRefusal(ErrorCode.CORRUPT, 'is damaged')
  })

  it('a page of another place', async () => {
    await createStore(1000)
    const content = readFileSync(path)
    overwrite(content.length - 10 * PAGE_BYTES, content.subarray(-5 * PAGE_BYTES, -4 * PAGE_BYTES))
    await expectRefusal(ErrorCode.CORRUPT, 'is damaged')
  })

  it('a file that was cut', async () => {
    await createStore(1000)
    const content = readFileSync(path)
    writeFileSync(path, content.subarray(0, content.length / 2))
    await expectRefusal(ErrorCode.CORRUPT, 'is damaged')
  })

  it('a sequence that is not below the next one', async () => {
    await createStore(1)
    await execute('UPDATE queue SET next_sequence = 1')
    await expectRefusal(ErrorCode.CORRUPT, 'a job has the sequence 1, and the next one is 1')
  })

  it('a record that is too short for its parts', async () => {
    await createStore(1)
    await execute("UPDATE jobs SET record = x'05', checksum = 0")
    await expectRefusal(ErrorCode.CORRUPT, 'is damaged')
  })

  it('tables without the row of the queue', async () => {
    await createStore(1)
    await execute('DELETE FROM queue')
    await expectRefusal(ErrorCode.CORRUPT, 'the table queue is empty')
  })

  it('tables without a column', async () => {
    await createStore(1)
    await execute('ALTER TABLE jobs DROP COLUMN checksum')
    expect(await loadError()).toMatchObject({ code: ErrorCode.CORRUPT })
  })
})

it('a store accepts an empty file, and a name with a meaning for SQLite', async () => {
  writeFileSync(path, '')
  expect(await loadError()).toBe('loaded')
  path = join(folder, ':memory:')
  await createStore(1)
  expect(await sequencesIn(new SqliteStore(path, { thread: false }))).toEqual([1])
})

function overwrite(position: number, bytes: Uint8Array): void {
  const descriptor = openSync(path, 'r+')
  writeSync(descriptor, bytes, 0, bytes.length, position)
  closeSync(descriptor)
}
