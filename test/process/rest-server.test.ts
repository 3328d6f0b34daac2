import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { beforeAll, expect, it, onTestFinished } from 'vitest'
import { jsonSchema } from '../../src/schema/json-schema.js'
import type { CallContext } from '../../src/service/call/call-context.js'
import { contract, serverStream } from '../../src/service/contract/define-contract.js'
import { serve } from '../../src/service/serve.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { rawRequest } from '../support/raw-http.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

beforeAll(() => ensureBuilt())

const ANY = jsonSchema<unknown>({})
const Ticks = contract('test.Ticks', { watch: serverStream({ input: ANY, output: ANY }) })

it('a server of REST does not keep its process alive after unref, also with an open stream', async () => {
  const directory = ownRuntimeDirectory()
  const handlers = {
    async *watch(_message: unknown, { signal }: CallContext) {
      for (let n = 0; !signal.aborted; n += 1) {
        yield { n }
        await wait(20)
      }
    },
  }
  const service = await serve('ticks', handlers, { contract: Ticks })
  onTestFinished(() => service.close())
  const child = new Child('rest-server', { args: ['ticks'], ipc: true, env: { SHMWIRE_DIR: directory } })
  const socket = connect(await child.next<number>(), '127.0.0.1')
  onTestFinished(() => {
    socket.destroy()
  })
  socket.write(rawRequest({ target: '/watch', headers: ['accept: text/event-stream'] }))
  await new Promise((resolve) => {
    socket.once('data', resolve)
  })
  child.send('unref')
  expect(await child.ended).toEqual({ code: 0, signal: null })
})
