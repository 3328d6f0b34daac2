// REST with JSON, and its streams: an array of JSON, or server-sent events.
import { fromJson } from '@bufbuild/protobuf'
import { UserSchema } from '../contract.mjs'
import { HttpClient } from './http-client.mjs'

const USERS = '/api/v1/users'

export const rest = {
  name: 'REST, mutual TLS',
  async open({ places, tls }) {
    const http = new HttpClient(places.web, tls)
    return {
      transport: await http.connect(),
      users: {
        getUser: async ({ id }) => answer(await http.request('GET', `${USERS}/${id}`)),
        createUser: async (user) => answer(await http.request('POST', USERS, user)),
        updateUser: async ({ id, ...user }) => answer(await http.request('PUT', `${USERS}/${id}`, user)),
        deleteUser: ({ id }) => http.request('DELETE', `${USERS}/${id}`),
        async *streamUsers() {
          for (const user of await http.request('GET', USERS)) yield fromJson(UserSchema, user)
        },
        $close: () => http.close(),
      },
    }
  },
}

export const serverSentEvents = {
  name: 'server-sent events, mutual TLS',
  async open({ places, tls }) {
    const http = new HttpClient(places.web, tls)
    return {
      transport: await http.connect(),
      users: {
        async *streamUsers() {
          for await (const { data } of http.events(USERS)) yield fromJson(UserSchema, JSON.parse(data))
        },
        $close: () => http.close(),
      },
    }
  },
}

const answer = ({ user }) => ({ user: fromJson(UserSchema, user) })
