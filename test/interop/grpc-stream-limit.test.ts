import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { status as Code } from '@grpc/grpc-js'
import { expect, it } from 'vitest'
import { type Message, openGateway } from '../support/grpc-gateways.js'

const CLIENT = new URL('children/early-answers.mjs', import.meta.url)
const LANES = 12
const CALLS = 200

it('keeps the connection of a client at its limit of streams while the service ends calls early', async () => {
  const { gateway } = await openGateway(
    {
      async upload(users: AsyncIterable<Message>) {
        for await (const _ of users) throw new Error('no more')
      },
    },
    { maxStreams: 4 },
  )
  const workerData = { port: gateway.port, path: '/user.UserService/Upload', lanes: LANES, calls: CALLS }
  const [ends] = await once(new Worker(CLIENT, { workerData }), 'message')
  expect(ends).toEqual({ [`status ${Code.INTERNAL}`]: LANES * CALLS })
})
