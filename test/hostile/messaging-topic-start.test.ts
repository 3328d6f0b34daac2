import { beforeEach, describe, expect, it } from 'vitest'
import { listen, serverMemory } from '../../src/listen.js'
import { encodeControl } from '../../src/messaging/attach/control-frame.js'
import { attachAsServer } from '../../src/messaging/attach/server-attach.js'
import { bytesContract } from '../../src/messaging/bytes-contract.js'
import { TOPIC_METHODS } from '../../src/messaging/topic/create-topic.js'
import { broadcastBinding, NativeRing } from '../../src/messaging/topic/native-ring.js'
import { subscribe } from '../../src/messaging/topic/subscribe.js'
import type { CallContext } from '../../src/service/call/call-context.js'
import type { Contract } from '../../src/service/contract/contract.js'
import type { Handlers } from '../../src/service/contract/contract-types.js'
import { serve } from '../../src/service/serve.js'
import { IS_WINDOWS } from '../support/not-on-windows.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

const SERVICE = 'shmwire.topic'

beforeEach(() => {
  ownRuntimeDirectory()
})

describe('a subscriber of a topic with a wrong start', () => {
  it('rejects a begin that is not the start of the welcome', async () => {
    const handlers = {
      publish: () => Buffer.alloc(0),
      async *subscribe() {
        yield encodeControl({ epoch: 'e', codec: 'msgpack', overflow: 'lose', start: 5, isOtherEpoch: false })
        yield encodeControl({ reason: 'none' })
        yield encodeControl({ begin: 6 })
      },
    }
    const contract = bytesContract(SERVICE, TOPIC_METHODS)
    const service = await serve('topic', handlers as unknown as Handlers<Contract>, { contract })
    await expect(subscribe('topic')).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
    await service.close()
  })

  it.skipIf(IS_WINDOWS)('rejects a start that the memory of the topic does not have', async () => {
    const server = await listen('topic')
    const memory = serverMemory(server)
    if (!('binding' in memory.native)) throw new Error('the addon is missing')
    const binding = broadcastBinding(memory.native.binding)
    if (binding === undefined) throw new Error('the addon has no topics')
    const ring = new NativeRing(binding, 64 * 1024, () => {})
    const handlers = {
      publish: () => Buffer.alloc(0),
      async *subscribe(requests: AsyncIterable<Uint8Array>, context: CallContext) {
        const frames = requests[Symbol.asyncIterator]()
        await frames.next()
        yield encodeControl({
          epoch: 'e',
          codec: 'msgpack',
          overflow: 'lose',
          start: 1_000_000_000,
          isOtherEpoch: false,
        })
        yield* attachAsServer({
          memory,
          context,
          frames,
          obstacle: undefined,
          accept: (socket, token) => ring.accept(socket, token, false),
          detach: (index) => ring.detach(index),
        })
        await frames.next()
      },
    }
    const contract = bytesContract(SERVICE, TOPIC_METHODS)
    await serve(server, handlers as unknown as Handlers<Contract>, { contract })
    try {
      await expect(subscribe('topic')).rejects.toMatchObject({
        code: 'ERR_SHMWIRE_CORRUPT',
        message: expect.stringContaining('start 1000000000') as string,
      })
    } finally {
      ring.close()
      await server.close()
    }
  })
})
