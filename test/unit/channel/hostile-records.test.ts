import { afterEach, describe, expect, it } from 'vitest'
import { Channel } from '../../../src/channel/channel.js'
import { HANDLERS_RUNNING_MAX } from '../../../src/channel/incoming-requests.js'
import { codecFor } from '../../../src/codec/codecs.js'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'
import type { Link } from '../../../src/link/link.js'
import { createInProcessLinks } from '../../../src/testing/in-process-link.js'
import { RecordKind } from '../../../src/wire/record-kind.js'
import { memoryChannels } from '../../support/memory-channels.js'
import { eventually, turns } from '../../support/turns.js'

const NO_BYTES = Buffer.alloc(0)

interface Raw {
  readonly channel: Channel
  /** The peer's end, without a channel. */
  readonly peer: Link
  readonly received: { kind: number; id: number; text: string }[]
}

let opened: Channel[] = []
afterEach(() => {
  for (const channel of opened) channel.destroy()
  opened = []
})

function raw(capacityBytes = 1 << 17, answersClose = true): Raw {
  const [left, peer] = createInProcessLinks(capacityBytes)
  const channel = new Channel({
    link: left,
    codec: codecFor('bytes'),
    maxMessageBytes: 1 << 20,
    maxDecodedBytes: 1 << 20,
  })
  opened.push(channel)
  const received: Raw['received'] = []
  peer.start({
    record: (kind, id, payload) => {
      received.push({ kind, id, text: payload.toString() })
      if (kind !== RecordKind.CLOSE || !answersClose) return true
      peer.write(RecordKind.CLOSE, 0, NO_BYTES, 0)
      peer.end()
      return true
    },
    drain: () => {},
    close: () => {},
  })
  return { channel, peer, received }
}

function numbered(number: number): Buffer {
  const message = Buffer.alloc(4)
  message.writeUInt32LE(number)
  return message
}

/** Writes as many messages as there is room for, from `first` on. Returns the next number. */
function flood(peer: Link, first: number): number {
  let number = first
  while (peer.write(RecordKind.MESSAGE, 0, numbered(number), 0) >= 0) number += 1
  return number
}

describe('a channel that closes while messages arrive', () => {
  it('delivers all of them to a slow listener, in order', async () => {
    const { channel, peer } = raw()
    const count = flood(peer, 0)
    expect(count).toBeGreaterThan(10_000)
    await turns(10)
    const got: number[] = []
    channel.on('message', (message: Buffer) => {
      got.push(message.readUInt32LE())
      // Sometimes longer than a turn.
      if (got.length % 1000 === 0) for (const end = performance.now() + 2; performance.now() < end; );
    })
    await channel.close()
    expect(got.length).toBe(count)
    expect(got.findIndex((number, index) => number !== index)).toBe(-1)
  })

  it('delivers an unbroken beginning to a listener that leaves, and still closes', async () => {
    const { channel, peer } = raw()
    flood(peer, 0)
    const got: number[] = []
    channel.on('message', (message: Buffer) => {
      got.push(message.readUInt32LE())
      if (got.length === 300) channel.removeAllListeners('message')
    })
    await channel.close()
    const rest: number[] = []
    for await (const message of channel) rest.push((message as Buffer).readUInt32LE())
    expect([...got, ...rest].findIndex((number, index) => number !== index)).toBe(-1)
    expect(rest.length).toBeLessThanOrEqual(2 * 256)
  })

  it('delivers all of them to a busy loop', async () => {
    const { channel, peer } = raw()
    const count = flood(peer, 0)
    const got: number[] = []
    for await (const message of channel) {
      if (got.length === 0) await channel.close()
      got.push((message as Buffer).readUInt32LE())
    }
    expect(got.length).toBe(count)
  })

  it('ends with BACKLOG when a loop waits for the close and the peer sends without end', async () => {
    const { channel, peer } = raw(16 << 20, false)
    const message = Buffer.alloc(1 << 20)
    const sending = { on: true }
    const flooding = (async () => {
      for (; sending.on; await turns(1)) while (peer.write(RecordKind.MESSAGE, 0, message, 0) >= 0);
    })()
    const loop = (async () => {
      for await (const _ of channel) await channel.close()
    })()
    await expect(loop).rejects.toMatchObject({ code: ErrorCode.BACKLOG })
    sending.on = false
    await flooding
  })

  it('keeps as many as fit without a consumer, and none behind a gap', async () => {
    const { channel, peer } = raw()
    flood(peer, 0)
    await channel.close()
    const got: number[] = []
    for await (const message of channel) got.push((message as Buffer).readUInt32LE())
    expect(got.findIndex((number, index) => number !== index)).toBe(-1)
    expect(got.length).toBeLessThanOrEqual(2 * 256)
  })
})

describe('a channel that has ended', () => {
  it.each(['destroy', 'removeAllListeners'] as const)(
    'delivers no held message after %s, and emits close when they are dropped',
    async (how) => {
      const [left, right] = memoryChannels({ codec: 'bytes' })
      for (let number = 0; number < 200; number += 1) expect(left.trySend(numbered(number))).toBe(true)
      await turns(10)
      left.destroy()
      let got = 0
      let closed = false
      right.once('close', () => {
        closed = true
      })
      right.on('message', () => {
        got += 1
        if (got !== 10) return
        if (how === 'destroy') right.destroy()
        else right.removeAllListeners('message')
      })
      await eventually(() => got === 10)
      await turns(5)
      // Another listener may come, so the messages and the event wait for it.
      expect(closed).toBe(how === 'destroy')
      right.destroy()
      await eventually(() => closed)
      expect(got).toBe(10)
    },
  )
})

describe('held messages', () => {
  it('are charged for the memory that each of them keeps alive', async () => {
    const { channel, peer } = raw(64 << 20)
    const slab = Buffer.alloc(64 * 1024)
    // The memory link copies each payload. Views of one long record stand for messages in their own slab.
    channel[Symbol.asyncIterator]()
    let written = 0
    for (; written < 100; written += 1) peer.write(RecordKind.MESSAGE, 0, slab, 0)
    await turns(20)
    // 256 KiB hold four of them; the fifth exceeds the bound.
    expect(channel.stats().messagesReceived).toBeLessThanOrEqual(5)
  })
})

describe('records that the protocol does not allow', () => {
  it.each([
    ['a request without an id', RecordKind.REQUEST, 0, 'x'],
    ['a cancellation with a payload', RecordKind.CANCEL, 1, 'x'],
    ['a close with a payload', RecordKind.CLOSE, 0, 'x'],
  ])('%s is CORRUPT', async (what, kind, id, text) => {
    const { channel, peer } = raw()
    let closed: Error | undefined
    channel.on('close', (error) => {
      closed = error
    })
    peer.write(kind, id, Buffer.from(text), 0)
    await eventually(() => closed !== undefined)
    expect(closed).toMatchObject({ code: ErrorCode.CORRUPT, message: expect.stringContaining(what) })
  })
})

describe('replies', () => {
  it.each(Object.values(ErrorCode))('of a handler that throws %s fail with REMOTE', async (code) => {
    const [left, right] = memoryChannels()
    right.handle(() => {
      throw new ShmwireError(code, 'of another channel')
    })
    await expect(left.request(1)).rejects.toMatchObject({ code: ErrorCode.REMOTE, remoteCode: code })
    left.destroy()
  })

  it('are counted once when a promise of the handler settles many times', async () => {
    const { channel, peer, received } = raw(64 << 20)
    const never = new Promise(() => {})
    const thenOften = (resolve: (value: Buffer) => void): void => {
      for (let count = 0; count < 5; count += 1) resolve(NO_BYTES)
    }
    // oxlint-disable-next-line unicorn/no-thenable -- the test is about it
    void Object.defineProperty(never, 'then', { value: thenOften })
    let hang = false
    channel.handle(() => (hang ? new Promise(() => {}) : never))
    for (let id = 1; id <= 100; id += 1) peer.write(RecordKind.REQUEST, id, NO_BYTES, 0)
    await eventually(() => received.length === 100)
    hang = true
    const refused = () => received.filter(({ text }) => text.includes(ErrorCode.BACKLOG)).length
    for (let id = 1; id <= HANDLERS_RUNNING_MAX + 50; id += 1) {
      peer.write(RecordKind.REQUEST, id, NO_BYTES, 0)
      peer.write(RecordKind.CANCEL, id, NO_BYTES, 0)
    }
    await eventually(() => received.length === 100 + HANDLERS_RUNNING_MAX + 50)
    expect(refused()).toBe(50)
  })

  it('come from a handler that is called without an object', async () => {
    const [left, right] = memoryChannels()
    right.handle(function (this: unknown) {
      return this === undefined
    })
    expect(await left.request(1)).toBe(true)
    left.destroy()
  })
})
