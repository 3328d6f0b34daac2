import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { longDirectory, ownRuntimeDirectory } from '../support/temporary-directory.js'

// biome-ignore lint/suspicious/noExplicitAny: plain JavaScript
type Any = any

const HOST = '127.0.0.1'
const USERS = 300
/** Over gRPC, and over the links. */
const PATHS = ['sharedMemory', 'tlsSocket', 'grpc', 'grpcTunnel']

let folder: string
const processes: Any[] = []
const opened: Record<string, Any> = {}
let example: Any
let http: Any

/** The modules of the example. They need the built package. */
async function loaded() {
  const parts = [
    'certificates',
    'processes',
    'sqlite',
    'sample',
    'paths/channels',
    'paths/grpc',
    'paths/http-client',
  ]
  const urlOf = (part: string): string => new URL(`../../examples/users/${part}.mjs`, import.meta.url).href
  const modules = await Promise.all(parts.map((part) => import(/* @vite-ignore */ urlOf(part))))
  return Object.assign({}, ...modules)
}

beforeAll(async () => {
  ensureBuilt()
  folder = longDirectory()
  ownRuntimeDirectory(longDirectory())
  example = await loaded()
  example.writeCertificates(folder)
  const places = {}
  for (const file of ['service.mjs', 'gateway.mjs']) {
    const one = example.startProcess(file, [folder, HOST])
    processes.push(one)
    Object.assign(places, await one.places)
  }
  const context = { places, tls: example.tlsOf(folder, 'client') }
  await example.createUsers(example.sharedMemory, context, USERS)
  for (const name of PATHS) opened[name] = await example[name].open(context)
  http = new example.HttpClient(places.web, context.tls)
})

afterAll(async () => {
  for (const { users, channel } of Object.values(opened)) {
    await users.$close()
    await channel?.close()
  }
  http?.close()
  for (const one of processes.toReversed()) await example.stopProcess(one)
})

describe.each(PATHS)('the service users, through %s', (path) => {
  const users = (): Any => opened[path].users

  it('names a user that does not exist', async () => {
    const missing = {
      status: 'NOT_FOUND',
      reason: 'USER_NOT_FOUND',
      message: 'User with ID 12300 not found',
      details: { id: 12_300 },
    }
    await expect(users().getUser({ id: 12_300 })).rejects.toMatchObject(missing)
    const changed = { id: 12_300, name: 'Ann', email: 'nowhere@example.com' }
    await expect(users().updateUser(changed)).rejects.toMatchObject(missing)
    await expect(users().deleteUser({ id: 12_300 })).rejects.toMatchObject(missing)
  })

  it('refuses an e-mail address that another user has, in any case of its letters', async () => {
    const taken = {
      status: 'ALREADY_EXISTS',
      reason: 'EMAIL_TAKEN',
      details: { email: 'USER-7@example.com' },
    }
    const twin = { name: 'Ann', email: 'USER-7@example.com' }
    await expect(users().createUser(twin)).rejects.toMatchObject(taken)
    const { user } = await users().createUser({ name: 'Ann', email: 'ann@example.com' })
    await expect(users().updateUser({ ...twin, id: user.id })).rejects.toMatchObject(taken)
    await users().deleteUser({ id: user.id })
  })

  it('names each wrong field', async () => {
    const fieldsOf = (call: Promise<unknown>): Promise<unknown> =>
      call.then(
        () => 'no error',
        (error: Any) => [error.status, ...error.details.fieldViolations.map((one: Any) => one.field)],
      )
    const none = { name: ' ', email: 'ann.example.com' }
    expect(await fieldsOf(users().createUser(none))).toEqual(['INVALID_ARGUMENT', 'name', 'email'])
    expect(await fieldsOf(users().updateUser({ id: 1, name: 'Ann' }))).toEqual(['INVALID_ARGUMENT', 'email'])
    for (const [field, value] of [
      ['limit', -1],
      ['limit', 1_000_001],
      ['pageSize', -1],
      ['pageSize', 1001],
    ] as const)
      expect(
        await fieldsOf(
          users()
            .streamUsers({ [field]: value })
            .next(),
        ),
      ).toEqual(['INVALID_ARGUMENT', field])
  })

  it('streams as many users as the limit, over pages of any size', async () => {
    for (const request of [{ limit: 7, pageSize: 3 }, { limit: 250 }, { limit: 1, pageSize: 1000 }]) {
      const ids = []
      for await (const { id } of users().streamUsers(request)) ids.push(id)
      expect(ids).toHaveLength(request.limit)
      expect(ids).toEqual(ids.toSorted((one, other) => one - other))
    }
  })

  it('continues a stream after the id of a user, who may be deleted', async () => {
    const emails = ['first', 'second', 'third'].map((name) => `${name}@example.com`)
    const ids: number[] = []
    for (const email of emails) ids.push((await users().createUser({ name: 'Ann', email })).user.id)
    await users().deleteUser({ id: ids[0] })
    const found = []
    for await (const { email } of users().streamUsers({}, { lastEventId: String(ids[0]) })) found.push(email)
    expect(found).toEqual(emails.slice(1))
    await users().deleteUser({ id: ids[2] })
    const { user } = await users().createUser({ name: 'Bob', email: 'bob@example.com' })
    expect(user.id).toBeGreaterThan(ids[2] ?? Number.POSITIVE_INFINITY)
    for (const id of [ids[1], user.id]) await users().deleteUser({ id })
    await expect(users().streamUsers({}, { lastEventId: 'x' }).next()).rejects.toMatchObject({
      status: 'INVALID_ARGUMENT',
    })
  })
})

describe('the service users, over REST', () => {
  const failed = (call: Promise<unknown>): Promise<Any> =>
    call.then(
      () => 'no error',
      ({ statusCode, message }) => ({
        statusCode,
        error: JSON.parse(message.slice(message.indexOf('{'))).error,
      }),
    )

  it('answers errors with their status, their reason and their text', async () => {
    expect(await failed(http.request('GET', '/api/v1/users/12300'))).toEqual({
      statusCode: 404,
      error: { code: 'USER_NOT_FOUND', message: 'User with ID 12300 not found', details: { id: 12_300 } },
    })
    const twin = { name: 'Ann', email: 'user-7@example.com' }
    expect(await failed(http.request('POST', '/api/v1/users', twin))).toMatchObject({
      statusCode: 409,
      error: { code: 'EMAIL_TAKEN' },
    })
    expect(await failed(http.request('PUT', '/api/v1/users/1', { name: '', email: '' }))).toMatchObject({
      statusCode: 400,
      error: { details: { fieldViolations: [{ field: 'name' }, { field: 'email' }] } },
    })
  })

  it('continues server-sent events after the last one', async () => {
    const read = async (headers: Record<string, string>) => {
      const events = []
      for await (const { id, data } of http.events('/api/v1/users?limit=2', headers))
        events.push([id, JSON.parse(data).id])
      return events
    }
    expect(await read({})).toEqual([
      ['1', 1],
      ['2', 2],
    ])
    expect(await read({ 'last-event-id': '2' })).toEqual([
      ['3', 3],
      ['4', 4],
    ])
  })
})

it('keeps no transaction open while a reader of the stream pauses', async () => {
  const stream = opened['sharedMemory'].users.streamUsers({ pageSize: 10 })
  await stream.next()
  const database = await example.openSqlite(join(folder, 'users.db'))
  // Waits for all readers and writers.
  expect(database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()).toMatchObject({ busy: 0 })
  database.close()
  await stream.return()
})
