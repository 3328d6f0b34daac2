import { describe, expect, it } from 'vitest'
import { ErrorCode, ShmwireError } from '../../../../src/errors.js'
import { encodeStatusMessage, statusOfError } from '../../../../src/gateway/grpc/call-status.js'
import { timeoutOf } from '../../../../src/gateway/grpc/deadlines.js'
import { addMetadata, metadataFilter, metadataOfHeaders } from '../../../../src/gateway/grpc/http-headers.js'
import { Metadata } from '../../../../src/service/call/metadata.js'

const all = (): boolean => true

describe('the metadata in headers', () => {
  it('lacks the names of HTTP and gRPC, and what metadata cannot have', () => {
    const headers = {
      ':path': '/a/b',
      'grpc-timeout': '1S',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'test',
      'keep-alive': '1',
      'x-text': 'text',
      'x-list': 'a, b',
      "x-'name'": 'quoted',
      'x-latin': 'Größe',
      'x-bytes-bin': 'AQI=,AQID',
      'x-unpadded-bin': 'AQI',
      'x-empty': '',
    }
    expect([...metadataOfHeaders(headers, all)]).toEqual([
      ['x-text', 'text'],
      ['x-list', 'a, b'],
      ['x-bytes-bin', Buffer.of(1, 2, 3)],
      ['x-unpadded-bin', Buffer.of(1, 2)],
      ['x-empty', ''],
    ])
  })

  it('does not add the names of HTTP and gRPC', () => {
    const headers = {}
    const metadata = new Metadata({
      'content-length': '7',
      'grpc-status': '0',
      'transfer-encoding': 'chunked',
      'x-text': ' text ',
      'x-bytes-bin': Uint8Array.of(255),
    })
    addMetadata(headers, metadata, all)
    expect(headers).toEqual({ 'x-text': 'text', 'x-bytes-bin': '/w==' })
  })

  it.each([
    [
      'X-App',
      /metadata has "X-App"; it must be a name in lower case, or a prefix with a star, as in 'x-app-\*'/,
    ],
    ['*', /metadata has "\*"; it must be a name/],
    ['grpc-*', /metadata has "grpc-\*", a name that HTTP, gRPC or shmwire uses itself/],
    ['te', /metadata has "te", a name that/],
    [7, /metadata has 7; it must be a name/],
  ])('does not pass by the pattern %s', (pattern, message) => {
    expect(() => metadataFilter([pattern as string])).toThrow(message)
  })
})

describe('the time of a call', () => {
  it.each([
    ['10S', 10_000],
    ['99999999n', 99.999_999],
    ['5u', 0.005],
    ['0m', 0],
    ['2M', 120_000],
    ['1H', 3_600_000],
    ['99999999H', Number.POSITIVE_INFINITY],
    [undefined, Number.POSITIVE_INFINITY],
  ])('is that of %s', (header, timeoutMs) => {
    expect(timeoutOf(header)).toBeCloseTo(timeoutMs)
  })

  it.each(['', '1', 'S', '123456789S', '1s', '-1S', '1.5S', '1S '])(
    'has another form than "%s"',
    (header) => {
      expect(() => timeoutOf(header)).toThrow(/the header grpc-timeout must be 1 to 8 digits and a unit/)
    },
  )
})

describe('the text of a status', () => {
  it.each([
    ['plain text: 100', 'plain text: 100'],
    ['50 %', '50 %25'],
    ['Größe\n', 'Gr%C3%B6%C3%9Fe%0A'],
    ['🤷\0', '%F0%9F%A4%B7%00'],
    ['\ud800', '%EF%BF%BD'],
  ])('of %j is encoded', (message, encoded) => {
    expect(encodeStatusMessage(message)).toBe(encoded)
  })

  it('has at most 1,024 characters', () => {
    expect(decodeURIComponent(encodeStatusMessage('x'.repeat(2_000)))).toBe(`${'x'.repeat(1_024)}…`)
  })

  it('of an error of this machine has no path', () => {
    const place = '/run/secret.sock'
    for (const code of Object.values(ErrorCode)) {
      const shown = [
        'ABORTED',
        'BACKLOG',
        'CODEC',
        'INVALID_ARGUMENT',
        'MESSAGE_TOO_LARGE',
        'NO_HANDLER',
        'TIMEOUT',
      ]
      if (shown.some((name) => code.endsWith(name)) || code === ErrorCode.SERVICE) continue
      expect(statusOfError(new ShmwireError(code, `failed at ${place}`)).message).not.toContain(place)
    }
  })
})
