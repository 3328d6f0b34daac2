import { expect, it } from 'vitest'
import { createLink } from '../../../src/link/create-link.js'
import type { NativeBinding } from '../../../src/native/binding.js'
import type { NativeLoad } from '../../../src/native/load-binding.js'
import { resolveOptions } from '../../../src/options.js'
import { FrameParser } from '../../../src/wire/frame-parser.js'
import { encodeFrame, recordBound } from '../../../src/wire/frames.js'
import { RecordKind } from '../../../src/wire/record-kind.js'
import { socketPair } from '../../support/socket-pair.js'
import { eventually } from '../../support/turns.js'

const BYTES_MAX = 1024 * 1024

/** The payloads of a new link over a socket. */
async function receive(native: NativeLoad, lengths: readonly number[]): Promise<Buffer[]> {
  const { client, server } = await socketPair()
  const agreement = {
    socket: server,
    parser: new FrameParser(recordBound(BYTES_MAX)),
    transport: 'unix',
    endpoint: undefined,
    fallbackReason: undefined,
    peer: { pid: 1, uid: 1, gid: 1, verified: true },
    maxMessageBytes: BYTES_MAX,
    connectionId: undefined,
    features: [],
  } as const
  const link = createLink(agreement, resolveOptions(), native)
  const payloads: Buffer[] = []
  link.start({
    record: (_kind, _id, payload) => payloads.push(payload) > 0,
    drain: () => {},
    close: () => {},
  })
  for (const [index, bytes] of lengths.entries())
    client.write(encodeFrame(RecordKind.MESSAGE, 0, Buffer.alloc(bytes, index + 1)))
  await eventually(() => payloads.length === lengths.length)
  link.destroy()
  return payloads
}

const LENGTHS = [100, 300_000, 70_000, 500_000]

it('receives long messages over a socket into the pool of the addon', async () => {
  const pooled: ArrayBuffer[] = []
  const binding = {
    takeMemory: (bytes: number) => {
      const memory = new ArrayBuffer(bytes)
      new Uint8Array(memory).fill(0xee)
      pooled.push(memory)
      return memory
    },
    trimMemory: () => false,
  } as unknown as NativeBinding
  const payloads = await receive({ binding }, LENGTHS)
  expect(pooled.map(({ byteLength }) => byteLength)).toEqual([300_000, 500_000])
  for (const [index, bytes] of LENGTHS.entries())
    expect(payloads[index]?.equals(Buffer.alloc(bytes, index + 1))).toBe(true)
})

it('receives them into ordinary memory without the addon', async () => {
  const payloads = await receive({ unavailable: 'no addon' }, LENGTHS)
  for (const [index, bytes] of LENGTHS.entries())
    expect(payloads[index]?.equals(Buffer.alloc(bytes, index + 1))).toBe(true)
})
