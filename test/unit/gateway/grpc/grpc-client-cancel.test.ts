import { afterEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import { answer, endTestServers, GrpcTestServer, usersAt } from '../../../support/grpc-server.js'
import { failure } from '../../../support/services.js'
import { eventually } from '../../../support/turns.js'

afterEach(endTestServers)

describe('a call of a gRPC server', () => {
  it.each([0, 1, 2, 3, 4])(
    'ends at the server if it is aborted %s microtasks after it began',
    async (turns) => {
      let open = 0
      const server = await GrpcTestServer.start({
        GetUser: answer(() => ({})),
        Upload: (call) => {
          open += 1
          call.on('cancelled', () => {
            open -= 1
          })
        },
      })
      const calls = await usersAt(server.address)
      await calls.getUser({})
      const controller = new AbortController()
      async function* messages() {
        yield* []
        await new Promise(() => {})
      }
      const call = failure(calls.upload(messages(), { signal: controller.signal }))
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
      controller.abort()
      expect(await call).toMatchObject({ code: ErrorCode.ABORTED })
      // The answer comes after the stream of the aborted call.
      await calls.getUser({})
      await eventually(() => open === 0)
    },
  )
})
