// The service, written once. Every path leads to these functions.
import { ServiceError, tracked } from 'shmwire'

const PAGE_SIZE = 100

/** @param onCreated gets each user that is created */
export function userHandlers(users, onCreated) {
  return {
    getUser: ({ id }) => ({ user: users.get(id) }),
    async createUser(request) {
      const user = users.create(request)
      await onCreated(user)
      return { user }
    },
    updateUser: (request) => ({ user: users.update(request) }),
    deleteUser({ id }) {
      users.delete(id)
      return {}
    },
    // The next page is read when the reader has taken the last one. A slow reader holds memory for one page, and no transaction.
    *streamUsers({ limit, pageSize }, { lastEventId }) {
      let last = idOf(lastEventId)
      let left = limit === 0 ? Number.POSITIVE_INFINITY : limit
      while (left > 0) {
        const page = users.pageAfter(last, Math.min(left, pageSize || PAGE_SIZE))
        if (page.length === 0) return
        for (const user of page) yield tracked(String(user.id), user)
        left -= page.length
        last = page.at(-1).id
      }
    },
  }
}

/** Answers the requests of a queue: a job names a method and has its request. A stream becomes one answer. */
export function requestHandler(service) {
  return async ({ method, request }) => {
    if (method !== 'streamUsers') return plain(await service[method](request))
    const users = []
    for await (const user of service.streamUsers(request)) users.push(plainUser(user))
    return users
  }
}

/** Messages of the contract as plain objects, for the codec of the queue. */
const plain = ({ user }) => (user === undefined ? {} : { user: plainUser(user) })
const plainUser = ({ id, name, email }) => ({ id, name, email })

/** The id after which a stream begins. */
function idOf(lastEventId) {
  if (lastEventId === undefined) return 0
  if (/^\d{1,10}$/.test(lastEventId)) return Number(lastEventId)
  throw new ServiceError('INVALID_ARGUMENT', `the last event id is ${lastEventId}, not the id of a user`)
}
