import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { NativeBinding, NativeHandoverSocket } from '../../../src/native/binding.js'
import { loadBinding } from '../../../src/native/load-binding.js'
import type {
  NativeBroadcastReader,
  NativeBroadcastWriter,
  NativeCellReader,
  NativeCellWriter,
} from '../../../src/native/messaging-binding.js'
import { IS_WINDOWS } from '../../support/not-on-windows.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

const RING_BYTES = 64 * 1024
const INVALID = { code: 'ERR_SHMWIRE_INVALID_ARGUMENT' }
const CLOSED = { code: 'ERR_SHMWIRE_CLOSED' }
const TOO_LARGE = { code: 'ERR_SHMWIRE_MESSAGE_TOO_LARGE' }

type Classes = Required<NativeBinding>

interface Delivered {
  readonly sequence: number
  readonly lost: number
  readonly key: string
  readonly headers: string
  readonly body: string
}

describe.skipIf(IS_WINDOWS)('the classes of topics and cells', () => {
  const binding = IS_WINDOWS ? ({} as Classes) : needClasses()
  const open: { close(): void }[] = []
  let socket: NativeHandoverSocket
  let path: string

  beforeEach(() => {
    path = join(temporaryDirectory(), 'handover')
    socket = keep(new binding.HandoverSocket(path))
  })

  afterEach(() => {
    for (const one of open.splice(0)) one.close()
  })

  function keep<T extends { close(): void }>(object: T): T {
    open.push(object)
    return object
  }

  function newTopic(): NativeBroadcastWriter {
    return keep(new binding.BroadcastWriter({ ringBytes: RING_BYTES }))
  }

  function newReader(blocks = false, recordsMax = 16): NativeBroadcastReader {
    return keep(new binding.BroadcastReader({ recordsMax, blocks }))
  }

  /** Attaches through the handover socket, as two processes do. Returns the index of the reader. */
  function attach(
    writer: NativeBroadcastWriter | NativeCellWriter,
    reader: NativeBroadcastReader | NativeCellReader,
    blocks = false,
  ): number {
    const token = randomBytes(16)
    socket.expect(token)
    expect(reader.offer(path, token)).toBe(true)
    const index = writer.accept(socket, token, blocks)
    reader.attach()
    return index
  }

  function publish(writer: NativeBroadcastWriter, body: string, key = '', headers = ''): number {
    return writer.publish(Buffer.from(body), Buffer.from(key + headers), Buffer.byteLength(key))
  }

  function receive(reader: NativeBroadcastReader, target = new Uint8Array(RING_BYTES)): Delivered[] {
    const count = reader.receive(target, 0, false)
    const messages: Delivered[] = []
    for (let index = 0; index < count; index += 1) {
      const at = index * binding.BROADCAST_DESCRIPTOR_WORDS
      const [offset = 0, keyBytes = 0, headersBytes = 0, bodyBytes = 0] = reader.descriptors.subarray(at)
      const text = (from: number, bytes: number): string =>
        Buffer.from(target.subarray(from, from + bytes)).toString()
      messages.push({
        sequence: (reader.results[binding.READER_RESULT_SEQUENCE] ?? 0) + index,
        lost: index === 0 ? (reader.results[binding.READER_RESULT_LOST] ?? 0) : 0,
        key: text(offset, keyBytes),
        headers: text(offset + keyBytes, headersBytes),
        body: text(offset + keyBytes + headersBytes, bodyBytes),
      })
    }
    return messages
  }

  describe('a topic', () => {
    it('delivers messages with keys and headers to readers of both kinds', () => {
      const writer = newTopic()
      const mapped = newReader()
      const own = newReader()
      expect(attach(writer, mapped)).toBe(0)
      expect(own.attachOwn(writer)).toBe(1)
      expect(mapped.seek(binding.SEEK_NEXT)).toBe(1)
      expect(own.seek(binding.SEEK_NEXT)).toBe(1)
      expect(publish(writer, 'body', 'user.1', '{"a":1}')).toBe(1)
      expect(writer.publish(new Uint8Array())).toBe(2)
      const expected = [
        { sequence: 1, lost: 0, key: 'user.1', headers: '{"a":1}', body: 'body' },
        { sequence: 2, lost: 0, key: '', headers: '', body: '' },
      ]
      expect(receive(mapped)).toEqual(expected)
      expect(receive(own)).toEqual(expected)
      expect(receive(mapped)).toEqual([])
    })

    it('counts the messages that a slow reader lost, and resumes behind the newest', () => {
      const writer = newTopic()
      const reader = newReader()
      attach(writer, reader)
      reader.seek(binding.SEEK_NEXT)
      const body = 'x'.repeat(1000)
      const published = 500
      for (let count = 0; count < published; count += 1) publish(writer, body)
      let received = 0
      let lost = 0
      for (;;) {
        const messages = receive(reader)
        if (messages.length === 0) break
        for (const message of messages) {
          lost += message.lost
          received += 1
          expect(message.sequence).toBe(received + lost)
          expect(message.body).toBe(body)
        }
      }
      expect(received + lost).toBe(published)
      // Half a ring holds about 32 of them.
      expect(received).toBeGreaterThanOrEqual(30)
    })

    it('seeks the last, the oldest and a given message', () => {
      const writer = newTopic()
      const reader = newReader()
      attach(writer, reader)
      for (const body of ['one', 'two', 'three']) publish(writer, body)
      expect(reader.seek(binding.SEEK_LAST)).toBe(3)
      expect(receive(reader).map(({ body }) => body)).toEqual(['three'])
      expect(reader.seek(binding.SEEK_OLDEST)).toBe(1)
      expect(receive(reader)).toHaveLength(3)
      expect(reader.seek(binding.SEEK_SEQUENCE, 2)).toBe(2)
      expect(receive(reader).map(({ body }) => body)).toEqual(['two', 'three'])
      expect(() => reader.seek(binding.SEEK_SEQUENCE, 5)).toThrow(expect.objectContaining(INVALID))
    })

    it('reports the length of a message that does not fit into the target', () => {
      const writer = newTopic()
      const reader = newReader()
      attach(writer, reader)
      reader.seek(binding.SEEK_NEXT)
      publish(writer, 'four bytes and more', 'key')
      expect(receive(reader, new Uint8Array(8))).toEqual([])
      expect(reader.results[binding.READER_RESULT_REQUIRED]).toBe(22)
      expect(receive(reader, new Uint8Array(22))).toHaveLength(1)
      expect(reader.results[binding.READER_RESULT_REQUIRED]).toBe(-1)
    })

    it('keeps room for blocking readers, of both kinds', () => {
      const writer = newTopic()
      const mapped = newReader(true)
      const own = newReader(true)
      const mappedIndex = attach(writer, mapped, true)
      const ownIndex = own.attachOwn(writer)
      mapped.seek(binding.SEEK_NEXT)
      own.seek(binding.SEEK_NEXT)
      const body = 'x'.repeat(8000)
      let published = 0
      while (publish(writer, body) !== 0) published += 1
      expect(published).toBe(8)
      expect(writer.armForRoom()).toBe(false)
      expect(receive(own)).not.toEqual([])
      expect(own.results[binding.READER_RESULT_WRITER_WAITS]).toBe(1)
      // The other one is the slowest now.
      expect(writer.armForRoom()).toBe(false)
      expect(writer.slowest()).toBe(mappedIndex)
      expect(receive(mapped)).not.toEqual([])
      expect(mapped.results[binding.READER_RESULT_WRITER_WAITS]).toBe(1)
      expect(writer.armForRoom()).toBe(true)
      expect(publish(writer, body)).toBe(published + 1)
      expect(writer.results[binding.WRITER_RESULT_VIOLATOR]).toBe(-1)
      writer.detach(mappedIndex)
      while (publish(writer, body) !== 0) published += 1
      expect(writer.slowest()).toBe(ownIndex)
      writer.detach(ownIndex)
      expect(writer.slowest()).toBe(-1)
      expect(publish(writer, body)).toBeGreaterThan(published)
    })

    it('lets readers drain after close, and reports the end', () => {
      const writer = newTopic()
      const reader = newReader()
      attach(writer, reader)
      reader.seek(binding.SEEK_NEXT)
      publish(writer, 'last')
      expect(reader.arm()).toBe(true)
      writer.close()
      writer.close()
      expect(receive(reader).map(({ body }) => body)).toEqual(['last'])
      expect(reader.results[binding.READER_RESULT_CLOSED]).toBe(0)
      expect(reader.arm()).toBe(true)
      expect(receive(reader)).toEqual([])
      expect(reader.results[binding.READER_RESULT_CLOSED]).toBe(1)
      expect(() => publish(writer, '')).toThrow(expect.objectContaining(CLOSED))
      expect(() => writer.armForRoom()).toThrow(expect.objectContaining(CLOSED))
      expect(() => writer.wake()).toThrow(expect.objectContaining(CLOSED))
      expect(() => newReader().attachOwn(writer)).toThrow(expect.objectContaining(CLOSED))
      writer.detach(0)
      reader.close()
      reader.close()
      expect(() => receive(reader)).toThrow(expect.objectContaining(CLOSED))
      expect(() => reader.arm()).toThrow(expect.objectContaining(CLOSED))
    })

    it('wakes a reader that sleeps, once', () => {
      const writer = newTopic()
      const reader = newReader()
      attach(writer, reader)
      reader.seek(binding.SEEK_NEXT)
      expect(reader.arm()).toBe(false)
      publish(writer, '')
      publish(writer, '')
      writer.wake()
      expect(writer.results[binding.WRITER_RESULT_WAKES]).toBe(1)
      expect(writer.results[binding.WRITER_RESULT_UNWOKEN]).toBe(0)
      const doorbell = reader.transferDoorbell()
      expect(doorbell).toBeGreaterThan(0)
      expect(reader.transferDoorbell()).toBe(-1)
    })

    it('rejects wrong arguments and calls in a wrong order', () => {
      const writer = newTopic()
      const reader = newReader()
      const invalid = expect.objectContaining(INVALID)
      for (const ringBytes of [0, 65_537, 2 ** 31, '65536'])
        expect(() => new binding.BroadcastWriter({ ringBytes: ringBytes as number })).toThrow(invalid)
      expect(() => new binding.BroadcastReader({ recordsMax: 0, blocks: false })).toThrow(invalid)
      expect(() => new binding.BroadcastReader({ recordsMax: 1 } as never)).toThrow(invalid)
      expect(() => writer.publish('text' as never)).toThrow(invalid)
      expect(() => writer.publish(new Uint8Array(), new Uint8Array(2), 3)).toThrow(invalid)
      expect(() => writer.publish(new Uint8Array(RING_BYTES / 8))).toThrow(expect.objectContaining(TOO_LARGE))
      expect(() => writer.detach(-1)).toThrow(invalid)
      expect(() => writer.detach(4096)).toThrow(invalid)
      expect(() => reader.attach()).toThrow(invalid)
      expect(() => reader.seek(binding.SEEK_NEXT)).toThrow(invalid)
      expect(() => receive(reader)).toThrow(invalid)
      expect(() => reader.attachOwn(reader as never)).toThrow(invalid)
      reader.attachOwn(writer)
      expect(() => reader.attachOwn(writer)).toThrow(invalid)
      expect(() => receive(reader)).toThrow(invalid)
      expect(() => reader.seek(4)).toThrow(invalid)
      expect(() => reader.seek(binding.SEEK_SEQUENCE)).toThrow(invalid)
      expect(() => reader.seek(binding.SEEK_SEQUENCE, 0)).toThrow(invalid)
      // oxlint-disable-next-line typescript/unbound-method -- it gets a wrong receiver on purpose
      expect(() => Reflect.apply(writer.accept, reader, [])).toThrow(TypeError)
    })

    it('reuses the index of a reader that was detached', () => {
      const writer = newTopic()
      const readers = [newReader(), newReader(), newReader()]
      expect(readers.map((reader) => attach(writer, reader))).toEqual([0, 1, 2])
      writer.detach(1)
      writer.detach(1)
      expect(newReader().attachOwn(writer)).toBe(1)
      expect(newReader().attachOwn(writer)).toBe(3)
    })
  })

  describe('a cell', () => {
    function newCell(maxValueBytes = 1000): NativeCellWriter {
      return keep(new binding.CellWriter({ maxValueBytes }))
    }

    function newWatch(): NativeCellReader {
      return keep(new binding.CellReader())
    }

    function get(reader: NativeCellReader): string {
      const target = new Uint8Array(1000)
      return Buffer.from(target.subarray(0, reader.get(target))).toString()
    }

    it('returns the newest value to readers of both kinds', () => {
      const writer = newCell()
      const mapped = newWatch()
      const own = newWatch()
      attach(writer, mapped)
      expect(own.attachOwn(writer)).toBe(1)
      expect(get(mapped)).toBe('')
      expect(mapped.results[binding.READER_RESULT_VERSION]).toBe(0)
      for (let version = 1; version <= 9; version += 1)
        expect(writer.set(Buffer.from(`value ${version}`))).toBe(version)
      for (const reader of [mapped, own]) {
        expect(reader.version()).toBe(9)
        expect(get(reader)).toBe('value 9')
        expect(reader.results[binding.READER_RESULT_VERSION]).toBe(9)
      }
      writer.set(new Uint8Array())
      expect(get(mapped)).toBe('')
      expect(mapped.results[binding.READER_RESULT_VERSION]).toBe(10)
    })

    it('reports the length of a value that does not fit, and copies nothing', () => {
      const writer = newCell()
      const reader = newWatch()
      attach(writer, reader)
      writer.set(Buffer.from('12345'))
      const target = new Uint8Array(4)
      expect(reader.get(target)).toBe(5)
      expect([...target]).toEqual([0, 0, 0, 0])
      expect(reader.arm()).toBe(true)
    })

    it('arms only after the newest value was copied, and wakes once', () => {
      const writer = newCell()
      const reader = newWatch()
      attach(writer, reader)
      expect(reader.arm()).toBe(false)
      writer.set(Buffer.from('1'))
      writer.set(Buffer.from('2'))
      expect(writer.results[binding.WRITER_RESULT_WAKES]).toBe(1)
      expect(reader.arm()).toBe(true)
      expect(get(reader)).toBe('2')
      expect(reader.arm()).toBe(false)
      reader.disarm()
    })

    it('keeps the value readable after close', () => {
      const writer = newCell()
      const reader = newWatch()
      attach(writer, reader)
      writer.set(Buffer.from('last'))
      writer.close()
      writer.close()
      expect(get(reader)).toBe('last')
      expect(reader.results[binding.READER_RESULT_CLOSED]).toBe(1)
      expect(reader.arm()).toBe(true)
      expect(() => writer.set(new Uint8Array())).toThrow(expect.objectContaining(CLOSED))
      reader.close()
      expect(() => get(reader)).toThrow(expect.objectContaining(CLOSED))
      expect(() => reader.version()).toThrow(expect.objectContaining(CLOSED))
    })

    it('rejects wrong arguments and calls in a wrong order', () => {
      const invalid = expect.objectContaining(INVALID)
      const writer = newCell()
      expect(() => newCell(0)).toThrow(invalid)
      expect(() => newCell(2 ** 28 - 7)).toThrow(invalid)
      expect(() => writer.set(new Uint8Array(1001))).toThrow(expect.objectContaining(TOO_LARGE))
      expect(() => newWatch().get(new Uint8Array())).toThrow(invalid)
      expect(() => newWatch().attachOwn(newTopic() as never)).toThrow(invalid)
      const reader = newWatch()
      const token = randomBytes(16)
      socket.expect(token)
      newReader().offer(path, token)
      writer.accept(socket, token)
      expect(() => reader.attach()).toThrow(invalid)
    })
  })

  it('rejects a topic where a cell was expected', () => {
    const reader = keep(new binding.CellReader())
    const token = randomBytes(16)
    socket.expect(token)
    reader.offer(path, token)
    newTopic().accept(socket, token)
    expect(() => reader.attach()).toThrow(expect.objectContaining({ code: 'ERR_SHMWIRE_CORRUPT' }))
  })
})

function needClasses(): Classes {
  const load = loadBinding()
  if ('unavailable' in load) throw new Error(load.unavailable)
  return load.binding as Classes
}
