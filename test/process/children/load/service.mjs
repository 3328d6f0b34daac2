// The service of a load run. It writes each change before it answers, so the file outlives it.
import { openSync, writeSync } from 'node:fs'
import { serve } from '../../../../dist/index.js'
import { bulkhead, loadShedding } from '../../../../dist/resilience/index.js'
import { contractFrom } from '../gateway-kills/contract.mjs'

/** A user with this id has a name that the buffers of a connection do not hold. */
const LARGE_ID = 999_999n
const LARGE_LENGTH = 8 * 1024 * 1024
const STREAM_MESSAGES = 20n
const CONCURRENCY = 2_000

export async function startService({ descriptors, address, file }) {
  const changes = openSync(file, 'a')
  const large = Buffer.alloc(LARGE_LENGTH, 'n').toString('latin1')
  const handlers = {
    getUser: ({ id }) => ({ user: { id, name: id === LARGE_ID ? large : `user ${id}` } }),
    putUser({ id }) {
      writeSync(changes, `${id}\n`)
      return {}
    },
    createUser({ user }) {
      writeSync(changes, `${user.id}\n`)
      return { user }
    },
    async *streamUsers({ id }) {
      for (let number = 0n; number < STREAM_MESSAGES; number += 1n) yield { id: id + number }
    },
    async upload(users) {
      let sum = 0n
      for await (const { id } of users) sum += id
      return { user: { id: sum } }
    },
    async *chat(users) {
      yield* users
    },
  }
  const interceptors = [loadShedding({ limitsMs: { normal: 2_000 } }), bulkhead({ concurrency: CONCURRENCY })]
  const service = await serve(address, handlers, { contract: contractFrom(descriptors), interceptors })
  return { close: () => service.close() }
}
