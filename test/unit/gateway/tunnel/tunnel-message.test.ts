import { readFileSync } from 'node:fs'
import { createFileRegistry, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ErrorCode, ShmwireError } from '../../../../src/errors.js'
import {
  DATA_BYTES_MAX,
  decodeNext,
  decodeRequest,
  decodeResponse,
  encodeMessage,
  MESSAGE_BYTES_MAX,
  type TunnelMessage,
} from '../../../../src/gateway/tunnel/tunnel-message.js'

const DESCRIPTORS = new URL('../../../support/proto/shmwire-v1.binpb', import.meta.url)
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTORS)))

const position = fc.maxSafeNat()
const bytes = (max: number) => fc.uint8Array({ maxLength: max }).map((array) => Buffer.from(array))
const progress = { received: position, limit: position }

const start = fc.record({
  kind: fc.constant('start' as const),
  session: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((array) => Buffer.from(array)),
  name: fc.stringMatching(/^[A-Za-z0-9_.-]{0,64}$/),
  resume: fc.boolean(),
  bootId: fc.stringMatching(/^[0-9a-f-]{0,36}$/),
  ...progress,
})
const accepted = fc.record({
  kind: fc.constant('accepted' as const),
  instanceId: fc.stringMatching(/^[0-9a-f]{0,32}$/),
  ...progress,
})
const transfer = fc.record({
  kind: fc.constant('transfer' as const),
  position,
  data: bytes(300),
  end: fc.boolean(),
  ...progress,
})

describe('the messages of a tunnel', () => {
  it('decode to what was encoded', () => {
    fc.assert(
      fc.property(fc.oneof(start, transfer), (message) => {
        expect(decodeRequest(encodeMessage(message))).toEqual(message)
      }),
    )
    fc.assert(
      fc.property(fc.oneof(accepted, transfer), (message) => {
        expect(decodeResponse(encodeMessage(message))).toEqual(message)
      }),
    )
  })

  it('are those of the .proto file', () => {
    const types = {
      request: registry.getMessage('shmwire.v1.OpenRequest') as DescMessage,
      response: registry.getMessage('shmwire.v1.OpenResponse') as DescMessage,
    }
    fc.assert(
      fc.property(fc.oneof(start, accepted, transfer), (message) => {
        const isResponse = message.kind === 'accepted'
        const type = isResponse ? types.response : types.request
        const encoded = encodeMessage(message)
        const parsed = fromBinary(type, encoded) as unknown as { message: { case: string; value: object } }
        expect(parsed.message.case).toBe(message.kind)
        const decode = isResponse ? decodeResponse : decodeRequest
        expect(decode(Buffer.from(toBinary(type, parsed as never)))).toEqual(message)
        for (const [name, value] of Object.entries(parsed.message.value)) {
          const ours = (message as unknown as Record<string, unknown>)[name]
          if (typeof value === 'bigint') expect(value).toBe(BigInt(ours as number))
          else if (typeof value === 'string' && name !== '$typeName') expect(value).toBe(ours)
        }
      }),
      { numRuns: 50 },
    )
  })

  it('carry an error of a known code, and DENIED for a code of a later version', () => {
    const error = new ShmwireError(ErrorCode.NOT_LISTENING, 'no server')
    const decoded = decodeNext(encodeMessage({ kind: 'close', error }))
    expect(decoded).toMatchObject({
      error: { code: ErrorCode.NOT_LISTENING, message: expect.stringContaining('no server') },
    })
    const later = encodeMessage({ kind: 'close', error: { code: 'ERR_NEW', message: 'x' } as never })
    expect(decodeNext(later)).toMatchObject({ error: { code: ErrorCode.DENIED } })
    expect(decodeNext(encodeMessage({ kind: 'close', error: undefined }))).toEqual({
      kind: 'close',
      error: undefined,
    })
  })

  it('skip fields of later versions', () => {
    const message = {
      kind: 'transfer',
      position: 3,
      data: Buffer.from('abc'),
      end: false,
      received: 1,
      limit: 2,
    } as const
    const inner = encodeMessage(message)
    const later = Buffer.from([
      0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x15, 1, 2, 3, 4, 0xa0, 0x06, 1, 0xaa, 0x06, 2, 9, 9,
    ])
    expect(decodeNext(Buffer.concat([later.subarray(9), inner, later.subarray(14)]))).toEqual(message)
  })

  it.each<[string, Buffer]>([
    ['no message', Buffer.alloc(0)],
    ['a wire type that does not exist', Buffer.from([0x0f])],
    ['the field 0', Buffer.from([0x00, 1])],
    ['an integer without an end', Buffer.from([0x08, 0xff, 0xff])],
    ['an integer of eleven bytes', Buffer.from([0x08, ...Array<number>(10).fill(0xff), 1])],
    ['a field beyond the message', Buffer.from([0x12, 5, 1])],
    ['a fixed field beyond the message', Buffer.from([0x15, 1])],
    ['a number in place of a message', Buffer.from([0x10, 1])],
    ['a position of 2^53', Buffer.from([0x12, 9, 0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10])],
    ['a session id of two bytes', Buffer.from([0x0a, 4, 0x0a, 2, 1, 2])],
    ['too many bytes', Buffer.alloc(MESSAGE_BYTES_MAX + 1)],
  ])('with %s are CORRUPT', (_what, message) => {
    expect(() => decodeRequest(message)).toThrow(expect.objectContaining({ code: ErrorCode.CORRUPT }))
  })

  it('with more data than allowed are CORRUPT', () => {
    const data = Buffer.alloc(DATA_BYTES_MAX + 1)
    const message: TunnelMessage = { kind: 'transfer', position: 0, data, end: false, received: 0, limit: 0 }
    expect(() => decodeNext(encodeMessage(message))).toThrow(/at most 65536 bytes/)
  })

  it('of random bytes are decoded or CORRUPT', () => {
    fc.assert(
      fc.property(bytes(64), (message) => {
        try {
          decodeRequest(message)
          decodeResponse(message)
        } catch (error) {
          expect(error).toMatchObject({ code: ErrorCode.CORRUPT })
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
