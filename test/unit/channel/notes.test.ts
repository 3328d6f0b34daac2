import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { Channel } from '../../../src/channel/channel.js'
import type { Codec, CodecName } from '../../../src/codec/codec.js'
import { codecFor } from '../../../src/codec/codecs.js'
import { msgpackCodec } from '../../../src/codec/msgpack.js'
import type { Link } from '../../../src/link/link.js'
import { createInProcessLinks } from '../../../src/testing/in-process-link.js'
import { RecordKind } from '../../../src/wire/record-kind.js'
import { memoryChannels } from '../../support/memory-channels.js'

/** A channel whose peer is a bare link, which may send anything. */
function channelAndLink(codec: CodecName): [Channel, Link] {
  const [left, right] = createInProcessLinks(64 * 1024)
  right.start({ record: () => true, drain: () => {}, close: () => {} })
  return [
    new Channel({ link: left, codec: codecFor(codec), maxMessageBytes: 1024, maxDecodedBytes: 1 << 20 }),
    right,
  ]
}

function packed(value: unknown): Buffer {
  return Buffer.from(msgpackCodec.encode(value))
}

describe('a note of the peer’s codec', () => {
  it.each<[string, CodecName, number, Buffer, string]>([
    ['that is malformed', 'msgpack', RecordKind.CODEC, packed(['a', 'a']), 'ERR_SHMWIRE_CODEC'],
    ['to a codec that has none', 'json', RecordKind.CODEC, packed(['a']), 'ERR_SHMWIRE_CORRUPT'],
    ['that is missing', 'msgpack', RecordKind.MESSAGE, Buffer.of(0xc1, 0, 1), 'ERR_SHMWIRE_CODEC'],
    ['of an unknown kind', 'msgpack', RecordKind.CODEC + 1, packed(['a']), 'ERR_SHMWIRE_CORRUPT'],
  ])('%s ends the channel', async (_what, codec, kind, payload, code) => {
    const [channel, link] = channelAndLink(codec)
    link.write(kind, 0, payload, 0)
    const [error] = await once(channel, 'error')
    expect(error).toMatchObject({ code })
  })

  it('that is missing ends a request with CODEC', async () => {
    const [channel, link] = channelAndLink('msgpack')
    const reply = channel.request('asked')
    link.write(RecordKind.REPLY, 1, Buffer.of(0xc1, 0, 1), 0)
    await expect(reply).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CODEC' })
    channel.destroy()
  })

  it('that is in order does not count as a message and does not split a batch', async () => {
    const [left, right] = memoryChannels()
    const batches: unknown[] = []
    right.on('messages', (batch) => batches.push(batch))
    for (let index = 0; index < 5; index += 1) left.trySend({ index })
    await left.close()
    expect(batches).toEqual([[0, 1, 2, 3, 4].map((index) => ({ index }))])
    expect(left.stats().messagesSent).toBe(5)
    expect(right.stats().messagesReceived).toBe(5)
  })
})

describe('a custom codec', () => {
  /** Announces each text once, and then sends its number. */
  const numbering: Codec = {
    name: 'numbering',
    encode: () => Buffer.alloc(0),
    decode: () => undefined,
    perChannel(sendNote) {
      const announced = new Map<unknown, number>()
      const received: string[] = []
      const memory = Buffer.alloc(100)
      return {
        name: 'numbering',
        encode(value) {
          let number = announced.get(value)
          if (number === undefined) {
            const bytes = memory.write(String(value))
            if (!sendNote(memory.subarray(0, bytes))) throw new RangeError('cannot be announced')
            memory.fill(0)
            number = announced.size
            announced.set(value, number)
          }
          return Buffer.of(number)
        },
        decode: (bytes) => received[bytes[0] as number],
        applyNote: (note) => void received.push(note.toString()),
      }
    },
  }

  it('may send notes to its peer, even if they must wait, and may reuse their memory', async () => {
    const [left, right] = memoryChannels({ codec: numbering, capacityBytes: 4 })
    const seen: unknown[] = []
    right.on('message', (message) => seen.push(message))
    const texts = ['one', 'two', 'three', 'two', 'one', 'four']
    await Promise.all(texts.map((text) => left.send(text)))
    await left.close()
    expect(seen).toEqual(texts)
  })

  it('gets false when a note cannot be sent', () => {
    const [left] = memoryChannels({ codec: numbering, maxMessageBytes: 5 })
    expect(() => left.trySend('longer')).toThrow('cannot be announced')
    expect(left.trySend('short')).toBe(true)
    left.destroy()
    expect(() => left.trySend('later')).toThrow('cannot be announced')
  })
})
