// The contract of the gateway's benchmark, from the descriptors of the tests.
import { readFile } from 'node:fs/promises'
import { loadContracts } from '../../dist/service/proto/index.js'

const DESCRIPTORS = new URL('../../test/support/proto/tests.binpb', import.meta.url)

export const Users = (await loadContracts(await readFile(DESCRIPTORS))).get('user.UserService')

const user = { id: 7n, name: 'Ann Example', emails: ['ann@example.com'] }
const ITEMS = 1000

/** The same work in both setups. */
export const handlers = {
  getUser: ({ id }) => ({ user: { ...user, id } }),
  putUser: () => ({}),
  createUser: ({ user: created }) => ({ user: created }),
  *streamUsers() {
    for (let item = 0; item < ITEMS; item += 1) yield user
  },
  async upload(users) {
    let last
    for await (const one of users) last = one
    return { user: last }
  },
  async *chat(users) {
    yield* users
  },
}
