import { status as Code } from '@grpc/grpc-js'
import { beforeAll, describe, expect, it } from 'vitest'
import type { CallContext } from '../../src/service/call/call-context.js'
import type { Contract } from '../../src/service/contract/contract.js'
import { serve } from '../../src/service/serve.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { clientAt, type Message, taken, Users, userHandlers } from '../support/grpc-gateways.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { waitFor } from '../support/wait-for.js'

beforeAll(() => ensureBuilt())

async function started(what: 'close' | 'unref' | 'stay') {
  const directory = ownRuntimeDirectory()
  const ends: string[] = []
  const handlers = userHandlers({
    getUser: () => ({}),
    async *streamUsers(_request: Message, { signal }: CallContext): AsyncGenerator<Message> {
      try {
        yield { name: 'first' }
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve)
        })
      } finally {
        ends.push('finally')
      }
    },
  })
  const service = await serve('users', handlers, { contract: Users as Contract })
  const gateway = new Child('grpc-gateway', { args: [what, 'users'], env: { SHMWIRE_DIR: directory } })
  return { service, gateway, ends, port: await gateway.next<number>() }
}

describe('a gateway in another process', () => {
  it('leaves nothing that keeps its process alive when it is closed', async () => {
    const { service, gateway, port } = await started('close')
    const client = clientAt(`127.0.0.1:${port}`)
    expect((await client.unary('GetUser', {})).status.code).toBe(Code.OK)
    expect(await gateway.ended).toEqual({ code: 0, signal: null })
    expect(gateway.stderr).toBe('')
    await service.close()
  })

  it('does not keep its process alive after unref', async () => {
    const { service, gateway } = await started('unref')
    expect(await gateway.ended).toEqual({ code: 0, signal: null })
    await service.close()
  })

  it('ends the calls of its clients in the service when it is killed', async () => {
    const { service, gateway, port, ends } = await started('stay')
    const client = clientAt(`127.0.0.1:${port}`)
    const stream = client.serverStream('StreamUsers', {})
    const all = taken(stream)
    await new Promise((resolve) => {
      stream.once('data', resolve)
    })
    expect(ends).toEqual([])
    await gateway.kill()
    expect((await all).status.code).toBe(Code.UNAVAILABLE)
    await waitFor(() => expect(ends).toEqual(['finally']))
    await service.close()
  })
})
