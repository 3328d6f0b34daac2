import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { clientStreams } from '../../../src/observe/diagnostics-channels.js'
import type { ClientCallPayload } from '../../../src/observe/diagnostics-payloads.js'
import { client } from '../../../src/service/client.js'
import { contract, serverStream } from '../../../src/service/contract/define-contract.js'
import { serve } from '../../../src/service/serve.js'
import { createChannelPair } from '../../../src/testing/channel-pair.js'
import { collectGarbage } from '../../support/garbage.js'

const any = { input: z.unknown(), output: z.unknown() }
const Lines = contract('Lines', { dropped: serverStream(any), read: serverStream(any) })

async function* count() {
  yield 1
  yield 2
}

/** The methods that end, with the codes of their errors. */
function observedEnds(): string[] {
  const ends: string[] = []
  const add = (message: unknown): void => {
    const { method, error } = message as ClientCallPayload
    ends.push(`${method} ${(error as { code?: string } | undefined)?.code}`)
  }
  clientStreams.asyncEnd.subscribe(add)
  onTestFinished(() => {
    clientStreams.asyncEnd.unsubscribe(add)
  })
  return ends
}

it('ends the operation of a stream that is dropped', async () => {
  const [left, right] = createChannelPair()
  onTestFinished(() => left.destroy())
  await serve(right, { dropped: count, read: count }, { contract: Lines })
  const lines = await client(left, { contract: Lines })
  const ends = observedEnds()
  const read = lines.read(1)
  expect(await read.next()).toEqual({ done: false, value: 1 })
  // Not in this function, whose frame would keep it.
  await (async () => {
    await lines.dropped(1).next()
  })()
  while (ends.length === 0) {
    collectGarbage()
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  expect(ends).toEqual(['dropped ERR_SHMWIRE_ABORTED'])
  expect(await read.next()).toEqual({ done: false, value: 2 })
  expect(await read.next()).toMatchObject({ done: true })
  expect(ends.at(-1)).toBe('read undefined')
})
