import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { MessageCodec } from '../../src/channel/message-codec.js'
import { encodeRemoteError } from '../../src/channel/remote-error.js'
import { codecFor } from '../../src/codec/codecs.js'
import { readHello, readOffer, readReject, readSocketReason } from '../../src/control/control-messages.js'
import { ErrorCode, ShmwireError } from '../../src/errors.js'
import { log } from '../../src/log/log.js'
import { show } from '../../src/options.js'
import { printable } from '../../src/printable.js'
import { noShmwire } from '../../src/wire/preamble.js'
import { textLogger } from '../support/line-logger.js'
import { HELLO, OFFER } from '../support/raw-peer.js'

/** Clears a screen, begins a new line, reverses text, and more. */
const HOSTILE = '\x1b[2J\r\n\u009b31m\u2028\u2029\u202e\u2066\u200f\x00\x7f\ud800'
const ESCAPED = '\\u001b[2J\\r\\n\\u009b31m\\u2028\\u2029\\u202e\\u2066\\u200f\\u0000\\u007f\\ud800'

const payloadOf = (message: object): Buffer => Buffer.from(JSON.stringify(message))

describe('printable', () => {
  it('shows hidden characters as escapes, and leaves the rest as it is', () => {
    expect(printable(HOSTILE)).toBe(ESCAPED)
    const plain = 'Grüße, 漢字 עברית 😀 "quoted" back\\slash'
    expect(printable(plain)).toBe(plain)
  })

  it('leaves an escaped text as it is', () => {
    expect(printable(printable(HOSTILE))).toBe(ESCAPED)
  })

  it('escapes every control character, override and lone surrogate', () => {
    const ranges = [
      [0x00, 0x1f],
      [0x7f, 0x9f],
      [0x2028, 0x202e],
      [0x2066, 0x2069],
      [0xd800, 0xdfff],
    ] as const
    for (const [first, last] of ranges) {
      for (let code = first; code <= last; code += 1)
        expect(printable(`a${String.fromCharCode(code)}b`)).toMatch(/^a\\(?:[nrt]|u[0-9a-f]{4})b$/)
    }
  })

  it('cuts a text that is longer than the bound, also between the halves of a character', () => {
    expect(printable('abcdef', 6)).toBe('abcdef')
    expect(printable('abcdefg', 6)).toBe('abcdef… (7 characters)')
    expect(printable('😀😀', 3)).toBe('😀\\ud83d… (4 characters)')
  })
})

describe("the peer's texts", () => {
  it('are printable in every error', () => {
    const error = new ShmwireError(ErrorCode.REMOTE, `it said ${HOSTILE}`, { remoteCode: HOSTILE })
    expect(error.message).toBe(`it said ${ESCAPED}`)
    expect(error.stack).toContain(ESCAPED)
    expect(error.stack).not.toContain('\x1b')
    // Programs read it, so it stays as the peer sent it.
    expect(error.remoteCode).toBe(HOSTILE)
  })

  it('are printable in a REJECT', () => {
    const error = readReject(payloadOf({ code: 'X\n', message: `no\nshmwire: all is well ${HOSTILE}` }))
    expect(error.message).toBe(`the peer refused: no\\nshmwire: all is well ${ESCAPED} (X\\n)`)
  })

  it('are printable in the reasons for the socket', () => {
    expect(readSocketReason(payloadOf({ reason: HOSTILE }))).toBe(ESCAPED)
    expect(readHello(payloadOf({ ...HELLO, shm: HOSTILE })).shm).toBe(ESCAPED)
    expect(readOffer(payloadOf({ ...OFFER, transport: 'socket', reason: HOSTILE })).reason).toBe(ESCAPED)
  })

  it('are printable when a frame is malformed', () => {
    const wrong = [
      () => readHello(payloadOf({ ...HELLO, transport: HOSTILE })),
      () => readHello(Buffer.from(`${HOSTILE}{`)),
      () => readHello(payloadOf([HOSTILE])),
    ]
    for (const read of wrong) {
      const error = errorOf(read)
      expect([error.message, error.cause]).toEqual([printable(error.message), undefined])
    }
    expect(errorOf(wrong[0] as () => unknown).message).toContain('\\u001b[2J')
  })

  it('are printable in the cause of a CODEC error', () => {
    const codec = new MessageCodec(
      codecFor('json'),
      { messageBytesMax: 1000, decodedBytesMax: 1 << 20 },
      () => true,
    )
    const hostile = errorOf(() => codec.decode(Buffer.from('\x1b[2J')))
    expect(hostile.code).toBe(ErrorCode.CODEC)
    expect(hostile.cause).toMatchObject({
      name: 'SyntaxError',
      message: expect.stringContaining('\\u001b[2J'),
    })
    expect(inspect(hostile)).not.toContain('\x1b')
    // An error without hidden characters stays the codec's own.
    expect(errorOf(() => codec.decode(Buffer.from('?'))).cause).toBeInstanceOf(SyntaxError)
  })

  it('are short in the cause of a CODEC error', () => {
    const bounds = { messageBytesMax: 1 << 20, decodedBytesMax: 1 << 20 }
    const codec = new MessageCodec(codecFor('msgpack'), bounds, () => true)
    // A pattern that lacks a bracket, which the engine quotes.
    const pattern = `(${'x'.repeat(40_000)}`
    const bytes = Buffer.concat([Buffer.from('c142da9c41', 'hex'), Buffer.from(pattern), Buffer.of(0xa0)])
    const { cause } = errorOf(() => codec.decode(bytes))
    expect(cause).toMatchObject({
      name: 'SyntaxError',
      message: expect.stringMatching(/^Invalid regular expression: .{970,}… \(400\d\d characters\)$/),
    })
    expect(inspect(cause).length).toBeLessThan(4000)
  })

  it('are printable when the peer is not shmwire', () => {
    expect(noShmwire(Buffer.from('\x1b[2J\x9b\x7f\n0', 'latin1')).message).toContain(
      '\\u001b[2J\\u009b\\u007f\\n0',
    )
  })

  it('are printable in a log, one line for each note', () => {
    const lines: string[] = []
    const logger = textLogger(lines, ['debug'])
    log(logger, 'client.refused', () => ({ error: new Error(HOSTILE), long: 'x'.repeat(10_000) }))
    expect(lines).toHaveLength(1)
    const { error, long } = JSON.parse(lines[0]?.slice('client.refused '.length) ?? '') as Record<
      string,
      string
    >
    expect(error).toBe(ESCAPED)
    expect(long).toMatch(/^x{1024}… \(10000 characters\)$/)
  })
})

describe('show', () => {
  it('quotes strings, escapes their hidden characters, and cuts long ones', () => {
    expect(show('a"b')).toBe('"a\\"b"')
    expect(show('\x1b\x7f\u009b\u202e\n')).toBe('"\\u001b\\u007f\\u009b\\u202e\\n"')
    expect(show('x'.repeat(80))).toBe(`"${'x'.repeat(80)}"`)
    expect(show('x'.repeat(81))).toBe(`"${'x'.repeat(80)}"… (81 characters)`)
    expect(show(Symbol('\x1b'))).toBe('Symbol(\\u001b)')
    expect(show({ [Symbol.toStringTag]: 'y'.repeat(90) })).toMatch(/^\[object y{72}… \(99 characters\)$/)
  })
})

describe('an ERROR record', () => {
  it('carries the text of the handler exactly', () => {
    const thrown = Object.assign(new Error(HOSTILE), { code: HOSTILE })
    expect(JSON.parse(encodeRemoteError(thrown, 1000).toString())).toEqual({
      name: 'Error',
      message: HOSTILE,
      code: HOSTILE,
    })
  })
})

function errorOf(call: () => unknown): ShmwireError {
  try {
    call()
  } catch (error) {
    return error as ShmwireError
  }
  throw new Error('nothing was thrown')
}
