import { describe, expect, it } from 'vitest'
import { nextTick } from '../../../src/host.js'
import { SendWindow } from '../../../src/service/call/send-window.js'
import { type StreamRecords, StreamSender } from '../../../src/service/call/stream-sender.js'
import { BATCH_BYTES_MAX, BATCH_MESSAGES, readBatch } from '../../../src/wire/call-batches.js'
import { Encoding } from '../../../src/wire/call-records.js'

/** Sends texts. Those that begin with `!` have parts. */
class Records implements StreamRecords {
  /** One entry for each record: a text, or the texts of a batch. */
  readonly sent: (string | string[])[] = []
  readonly waiting: (() => void)[] = []
  bytesMax = 64 * 1024
  hasRoom = true

  check(): undefined {
    return undefined
  }

  partsOf(message: unknown): object | undefined {
    return String(message).startsWith('!') ? {} : undefined
  }

  encode(message: unknown) {
    return { encoding: Encoding.CODEC, bytes: Buffer.from(String(message)) }
  }

  sendOne({ bytes }: { bytes: Uint8Array }, _parts: unknown, taken: () => void): void {
    this.#send(String(bytes), taken)
  }

  sendBatch(payload: Buffer, taken: () => void): void {
    const texts: string[] = []
    expect(readBatch(payload, (_encoding, bytes) => void texts.push(String(bytes)))).toBeUndefined()
    this.#send(texts, taken)
  }

  #send(record: string | string[], taken: () => void): void {
    this.sent.push(record)
    if (this.hasRoom) taken()
    else this.waiting.push(taken)
  }
}

function started(): { sender: StreamSender; records: Records } {
  const records = new Records()
  return { sender: new StreamSender(records, new SendWindow()), records }
}

/** Longer than a message may keep others waiting. */
function pause(): void {
  const untilMs = performance.now() + 1
  while (performance.now() < untilMs);
}

describe('StreamSender', () => {
  it('sends short messages together, on a flush or when there are many', () => {
    const { sender, records } = started()
    for (const message of ['a', 'b']) expect(sender.send(message)).toBeUndefined()
    void sender.flush()
    void sender.flush()
    expect(records.sent).toEqual([['a', 'b']])
    const texts = Array.from({ length: BATCH_MESSAGES }, (_, index) => `${index}`)
    records.sent.length = 0
    for (const text of texts) void sender.send(text)
    void sender.flush()
    expect(records.sent.flat()).toEqual(texts)
  })

  it('sends a message whose iterable needs long for the next one', () => {
    const { sender, records } = started()
    void sender.send('a')
    pause()
    void sender.send('b')
    expect(records.sent).toEqual([['a', 'b']])
  })

  it('sends long messages and those with further parts alone, in the order of all', () => {
    const { sender, records } = started()
    const long = 'x'.repeat(BATCH_BYTES_MAX)
    for (const message of ['a', long, 'b', '!c', 'd']) void sender.send(message)
    void sender.flush()
    expect(records.sent).toEqual([['a'], long, ['b'], '!c', ['d']])
    expect(sender.lastBytes).toBe(1)
  })

  it('begins another batch when one is full', () => {
    const { sender, records } = started()
    const texts = Array.from({ length: 8 }, (_, index) => `${index}`.repeat(1000))
    for (const text of texts) void sender.send(text)
    void sender.flush()
    expect(records.sent.flat()).toEqual(texts)
    for (const batch of records.sent) expect(batch.length).toBeLessThanOrEqual(4)
  })

  it('sends each message alone if the peer takes no longer records', () => {
    const records = new Records()
    records.bytesMax = BATCH_BYTES_MAX - 1
    const sender = new StreamSender(records, new SendWindow())
    for (const message of ['a', 'b']) void sender.send(message)
    expect(records.sent).toEqual(['a', 'b'])
  })

  it('flushes after the promise jobs of this turn', async () => {
    const { sender, records } = started()
    void sender.send('a')
    sender.flushSoon()
    sender.flushSoon()
    for (let count = 0; count < 5; count += 1) await Promise.resolve()
    expect(records.sent).toEqual([])
    void sender.send('b')
    await new Promise<void>((resolve) => nextTick(resolve))
    expect(records.sent.flat()).toEqual(['a', 'b'])
    records.sent.length = 0
    sender.flushSoon()
    await new Promise<void>((resolve) => nextTick(resolve))
    expect(records.sent).toEqual([])
  })

  it('waits while a record waits for room, and not otherwise', async () => {
    const { sender, records } = started()
    expect(sender.send('!one')).toBeUndefined()
    records.hasRoom = false
    let sent = false
    const wait = sender.send('!two')?.then(() => {
      sent = true
    })
    await Promise.resolve()
    expect(sent).toBe(false)
    records.waiting.shift()?.()
    await wait
    expect(sender.send('three')).toBeUndefined()
    expect(sender.flush()).toBeInstanceOf(Promise)
    records.waiting.shift()?.()
    expect(sender.flush()).toBeUndefined()
    expect(records.sent).toEqual(['!one', '!two', ['three']])
  })
})
