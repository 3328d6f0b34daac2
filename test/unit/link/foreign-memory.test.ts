import { describe, expect, it } from 'vitest'
import { Channel } from '../../../src/channel/channel.js'
import type { Claim } from '../../../src/channel/claims.js'
import { bytesCodec } from '../../../src/codec/bytes.js'
import { joinShmLinks } from '../../support/link-pairs.js'
import { eventually } from '../../support/turns.js'

const MIB = 1024 * 1024

/** Both ends request views; `withoutForeignMemory` as in Electron. */
async function join(withoutForeignMemory: boolean): Promise<[Channel, Channel]> {
  const links = await joinShmLinks({
    ringBytes: 64 * 1024,
    maxMessageBytes: MIB,
    views: true,
    withoutForeignMemory,
  })
  return links.map(
    (link) => new Channel({ link, codec: bytesCodec, maxDecodedBytes: 1 << 20, maxMessageBytes: MIB }),
  ) as [Channel, Channel]
}

describe('a runtime that forbids buffers over foreign memory', () => {
  it.each([true, false])('still carries claims and views (without: %s)', async (without) => {
    const [left, right] = await join(without)
    const first: Buffer[] = []
    const seen: Buffer[] = []
    right.on('message', (message: Buffer) => {
      first.push(Buffer.from(message))
      seen.push(message)
    })
    for (let index = 0; index < 100; index += 1) {
      const claim = left.claim(1000) as Claim
      claim.bytes.fill(index)
      claim.commit(1000 - index)
      expect(claim.bytes.buffer.byteLength).toBe(without ? 1000 : 64 * 1024)
      await eventually(() => first.length === index + 1)
    }
    expect(first.findIndex((message, index) => !message.equals(Buffer.alloc(1000 - index, index)))).toBe(-1)
    await Promise.all([left.close(), right.close()])
    // A view ends with the ring; a copy stays valid.
    expect(seen.findIndex((message, index) => message.length !== (without ? 1000 - index : 0))).toBe(-1)
  })
})
