import { afterEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import {
  answer,
  endTestServers,
  type GrpcHandler,
  manyUsers,
  namesOf,
  openUsers,
  sendsLongUsers,
} from '../../../support/grpc-server.js'
import { all, failure, first } from '../../../support/services.js'
import { eventually, settled } from '../../../support/turns.js'

// biome-ignore lint/suspicious/noExplicitAny: messages of descriptors that are read at run time
type Any = any

afterEach(endTestServers)

describe('the end of a call', () => {
  function hanging(): { handlers: Record<string, GrpcHandler>; begun: string[]; ended: string[] } {
    const begun: string[] = []
    const ended: string[] = []
    const hang =
      (name: string): GrpcHandler =>
      (call) => {
        begun.push(name)
        call.on('cancelled', () => ended.push(name))
        if ('write' in call) call.write({ name: 'a' })
      }
    return {
      handlers: {
        GetUser: hang('unary'),
        StreamUsers: hang('stream'),
        Upload: hang('upload'),
        Chat: hang('chat'),
      },
      begun,
      ended,
    }
  }

  it('comes at its deadline', async () => {
    const { handlers, ended } = hanging()
    const calls = await openUsers(handlers, { timeoutMs: 60 })
    const late = { code: ErrorCode.TIMEOUT, status: 'DEADLINE_EXCEEDED', executed: 'unknown' }
    expect(await failure(calls.getUser({}))).toMatchObject({
      ...late,
      message: expect.stringContaining('user.UserService/getUser took longer than timeoutMs: 60') as string,
    })
    expect(await failure(calls.getUser({}, { timeoutMs: 30 }))).toMatchObject(late)
    expect(await failure(all(calls.streamUsers({})))).toMatchObject(late)
    expect(await failure(calls.upload(manyUsers(1)))).toMatchObject(late)
    expect(await failure(all(calls.chat(manyUsers(1))))).toMatchObject(late)
    await eventually(() => ended.length >= 5)
  })

  it('comes when the signal fires', async () => {
    const { handlers, begun, ended } = hanging()
    const calls = await openUsers(handlers)
    const reason = new Error('enough')
    for (const call of [
      (options: Any) => calls.getUser({}, options),
      (options: Any) => all(calls.streamUsers({}, options)),
      (options: Any) => calls.upload(manyUsers(1), options),
      (options: Any) => all(calls.chat(manyUsers(1), options)),
    ]) {
      const controller = new AbortController()
      const failed = failure(call({ signal: controller.signal }))
      const count = begun.length
      await eventually(() => begun.length > count)
      controller.abort(reason)
      expect(await failed).toMatchObject({
        code: ErrorCode.ABORTED,
        status: 'CANCELLED',
        cause: reason,
        executed: 'unknown',
      })
    }
    await eventually(() => ended.length === 4)
    const fired = { signal: AbortSignal.abort(reason) }
    expect(await failure(calls.getUser({}, fired))).toMatchObject({ code: ErrorCode.ABORTED, executed: 'no' })
    expect(await failure(all(calls.streamUsers({}, fired)))).toMatchObject({
      code: ErrorCode.ABORTED,
      executed: 'no',
    })
    expect(begun).toHaveLength(4)
  })

  it('comes when the loop is left', async () => {
    const { handlers, ended } = hanging()
    const calls = await openUsers(handlers)
    expect(namesOf(await first(calls.streamUsers({}), 1))).toEqual(['a'])
    expect(namesOf(await first(calls.chat(manyUsers(1)), 1))).toEqual(['a'])
    await eventually(() => ended.length === 2)
  })

  it('comes when the iterable of the caller fails', async () => {
    const { handlers, ended } = hanging()
    const calls = await openUsers(handlers)
    const fault = new Error('no more')
    async function* failing(): AsyncGenerator {
      yield { name: 'a' }
      throw fault
    }
    expect(await failure(calls.upload(failing()))).toBe(fault)
    expect(await failure(all(calls.chat(failing())))).toBe(fault)
    await eventually(() => ended.length === 2)
  })
})

describe('flow control', () => {
  it('stops the server while the loop is busy, and no other call', async () => {
    let sent = 0
    const calls = await openUsers({
      StreamUsers: sendsLongUsers(5_000, () => (sent += 1)),
      GetUser: answer(() => ({})),
    })
    const stream = calls.streamUsers({})
    await stream.next()
    const stopped = await settled(() => sent)
    expect(stopped).toBeLessThan(200)
    await calls.getUser({})
    let count = 1
    for await (const _ of stream) count += 1
    expect(count).toBe(5_000)
  })

  it.each(['async', 'plain'])(
    'stops an %s iterable of the caller while the server does not read',
    async (form) => {
      let read: (() => void) | undefined
      let received = 0
      const calls = await openUsers({
        Upload: (call, callback) => {
          read = () => {
            call.on('data', () => (received += 1))
            call.on('end', () => callback(null, {}))
          }
        },
      })
      let taken = 0
      const message = { name: 'x'.repeat(10_000) }
      async function* later(): AsyncGenerator {
        for (; taken < 1_000; taken += 1) yield message
      }
      function* now(): Generator {
        for (; taken < 1_000; taken += 1) yield message
      }
      const upload = calls.upload(form === 'async' ? later() : now())
      await eventually(() => read !== undefined)
      const stopped = await settled(() => taken)
      expect(stopped).toBeLessThan(100)
      read?.()
      await upload
      expect(received).toBe(1_000)
    },
  )
})

describe('maxMessageBytes', () => {
  it('bounds messages in both directions', async () => {
    const name = 'x'.repeat(2_000)
    let requests = 0
    const calls = await openUsers(
      {
        GetUser: answer(() => ({ user: { name } })),
        PutUser: answer(() => {
          requests += 1
          return {}
        }),
        StreamUsers: (call) => {
          call.write({ name: 'short' })
          call.write({ name })
        },
      },
      { maxMessageBytes: 1_000 },
    )
    const large = { code: ErrorCode.MESSAGE_TOO_LARGE, status: 'RESOURCE_EXHAUSTED' }
    expect(await failure(calls.putUser({ name }))).toMatchObject({
      ...large,
      executed: 'no',
      message: expect.stringContaining('2003 bytes, more than maxMessageBytes: 1000') as string,
    })
    expect(await failure(calls.upload([{ name }]))).toMatchObject(large)
    expect(requests).toBe(0)
    expect(await failure(calls.getUser({}))).toMatchObject({ ...large, executed: 'unknown' })
    expect(await failure(all(calls.streamUsers({})))).toMatchObject(large)
  })
})
