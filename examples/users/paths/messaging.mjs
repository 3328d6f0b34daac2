// Requests through a queue, whose worker is in the process of the service; and a topic, which has an event for each created user.
import { create } from '@bufbuild/protobuf'
import { openQueue, subscribe } from 'shmwire'
import { UserSchema } from '../contract.mjs'

export const queue = {
  name: 'queue with replies',
  async open() {
    const requests = await openQueue('users-requests')
    const send = (method) => async (request) => {
      const { user } = await requests.request({ method, request })
      return { user: userOf(user) }
    }
    return {
      transport: 'shm',
      users: {
        getUser: send('getUser'),
        createUser: send('createUser'),
        updateUser: send('updateUser'),
        deleteUser: (request) => requests.request({ method: 'deleteUser', request }),
        async *streamUsers(request) {
          for (const user of await requests.request({ method: 'streamUsers', request })) yield userOf(user)
        },
        $close: () => requests.close(),
      },
    }
  },
}

export const topic = {
  name: 'topic, from its oldest event',
  async open({ count }) {
    return {
      transport: 'shm',
      users: {
        async *streamUsers() {
          const events = await subscribe('users-events', { from: 'oldest', keys: 'user.created' })
          let received = 0
          for await (const user of events) {
            yield userOf(user)
            received += 1
            if (received === count) break
          }
          await events.close()
        },
        $close: async () => {},
      },
    }
  },
}

const userOf = (fields) => create(UserSchema, fields)
