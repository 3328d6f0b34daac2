// The service, written once. Every path leads to these functions.
import { ServiceError, tracked } from 'shmwire'

const PAGE_SIZE = 100

export function userHandlers(users) {
  return {
    getUser: ({ id }) => ({ user: users.get(id) }),
    createUser: (request) => ({ user: users.create(request) }),
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

/** The id after which a stream begins. */
function idOf(lastEventId) {
  if (lastEventId === undefined) return 0
  if (/^\d{1,10}$/.test(lastEventId)) return Number(lastEventId)
  throw new ServiceError('INVALID_ARGUMENT', `the last event id is ${lastEventId}, not the id of a user`)
}
