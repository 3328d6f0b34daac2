import { PassThrough } from 'node:stream'
import { expect } from 'vitest'
import { all, failure } from './services.js'

/** Any message of grpc.testing. */
// biome-ignore lint/suspicious/noExplicitAny: the descriptor set is loaded at run time
type Message = any

/** The headers or trailers of an answer. */
export interface AnswerMetadata {
  get(name: string): string | Uint8Array | undefined
}

export interface CaseCallOptions {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  readonly metadata?: Readonly<Record<string, string | Uint8Array>>
  readonly onHeaders?: (headers: AnswerMetadata) => void
  readonly onTrailers?: (trailers: AnswerMetadata) => void
}

type Unary = (request: Message, options?: CaseCallOptions) => Promise<Message>
type ServerStream = (request: Message, options?: CaseCallOptions) => AsyncIterable<Message>
type ClientStream = (requests: AsyncIterable<Message>, options?: CaseCallOptions) => Promise<Message>
type Bidi = (requests: AsyncIterable<Message>, options?: CaseCallOptions) => AsyncIterable<Message>

/** A client of grpc.testing.TestService. */
export interface TestServiceClient {
  readonly emptyCall: Unary
  readonly unaryCall: Unary
  readonly streamingInputCall: ClientStream
  readonly streamingOutputCall: ServerStream
  readonly fullDuplexCall: Bidi
  readonly halfDuplexCall: Bidi
  readonly unimplementedCall: Unary
}

/** The clients of one server, by one library. */
export interface CaseClients {
  readonly plain: TestServiceClient
  /** It compresses its requests; undefined if the library cannot do that. */
  readonly compressed: TestServiceClient | undefined
  readonly unimplementedService: Pick<TestServiceClient, 'unimplementedCall'>
  /** The status and the message of a call that failed. */
  readonly failureOf: (error: unknown) => { readonly status: string; readonly message: string }
}

type Case = (clients: CaseClients) => Promise<void>

const PING_PONG = [
  [27_182, 31_415],
  [8, 9],
  [1828, 2653],
  [45_904, 58_979],
] as const
const SPECIAL_MESSAGE = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n'
const ECHO_INITIAL = 'x-grpc-test-echo-initial'
const ECHO_TRAILING = 'x-grpc-test-echo-trailing-bin'
const METADATA = { [ECHO_INITIAL]: 'test_initial_metadata_value', [ECHO_TRAILING]: Buffer.alloc(3, 0xab) }
const UNKNOWN = 2

/** The cases of doc/interop-test-descriptions.md that a client decides. `half_duplex` is the method that no case of gRPC calls. */
export const INTEROP_CASES: Readonly<Record<string, Case>> = {
  async empty_unary({ plain }) {
    expect(await plain.emptyCall({})).toEqual({ $typeName: 'grpc.testing.Empty' })
  },

  async large_unary({ plain }) {
    expectZeros(await plain.unaryCall(largeRequest()), 314_159)
  },

  async client_compressed_unary({ plain, compressed, failureOf }) {
    const expecting = (value: boolean) => ({ ...largeRequest(), expectCompressed: { value } })
    expect(failureOf(await failure(plain.unaryCall(expecting(true))))).toMatchObject({
      status: 'INVALID_ARGUMENT',
    })
    expectZeros(await compressed?.unaryCall(expecting(true)), 314_159)
    expectZeros(await plain.unaryCall(expecting(false)), 314_159)
  },

  async client_streaming({ plain }) {
    const reply = await plain.streamingInputCall(inputRequests(27_182, 8, 1828, 45_904))
    expect(reply.aggregatedPayloadSize).toBe(74_922)
  },

  async server_streaming({ plain }) {
    const sizes = [31_415, 9, 2653, 58_979]
    const replies = await all(plain.streamingOutputCall(duplexRequest(0, ...sizes)))
    expect(replies).toHaveLength(sizes.length)
    for (const [index, size] of sizes.entries()) expectZeros(replies[index], size)
  },

  async ping_pong({ plain }) {
    const requests = new PassThrough({ objectMode: true })
    const replies = plain.fullDuplexCall(requests)[Symbol.asyncIterator]()
    for (const [requestSize, replySize] of PING_PONG) {
      requests.write(duplexRequest(requestSize, replySize))
      expectZeros((await replies.next()).value, replySize)
    }
    requests.end()
    expect(await replies.next()).toMatchObject({ done: true })
  },

  async empty_stream({ plain }) {
    expect(await all(plain.fullDuplexCall(inputRequests()))).toEqual([])
  },

  async custom_metadata({ plain }) {
    const calls: ((options: CaseCallOptions) => Promise<Message>)[] = [
      (options) => plain.unaryCall(largeRequest(), options),
      async (options) => {
        const replies = await all(plain.fullDuplexCall(stream(duplexRequest(271_828, 314_159)), options))
        expect(replies).toHaveLength(1)
        return replies[0]
      },
    ]
    for (const call of calls) {
      const seen: unknown[] = []
      const reply = await call({
        metadata: METADATA,
        onHeaders: (headers) => void seen.push(headers.get(ECHO_INITIAL)),
        onTrailers: (trailers) => void seen.push(Buffer.from(trailers.get(ECHO_TRAILING) as Uint8Array)),
      })
      expectZeros(reply, 314_159)
      expect(seen).toEqual(Object.values(METADATA))
    }
  },

  async status_code_and_message(clients) {
    await expectStatusMessage(clients, 'test status message')
  },

  async special_status_message(clients) {
    await expectStatusMessage(clients, SPECIAL_MESSAGE)
  },

  async unimplemented_method({ plain, failureOf }) {
    const error = await failure(plain.unimplementedCall({}))
    expect(failureOf(error)).toMatchObject({ status: 'UNIMPLEMENTED' })
  },

  async unimplemented_service({ unimplementedService, failureOf }) {
    const error = await failure(unimplementedService.unimplementedCall({}))
    expect(failureOf(error)).toMatchObject({ status: 'UNIMPLEMENTED' })
  },

  async cancel_after_begin({ plain, failureOf }) {
    const requests = new PassThrough({ objectMode: true })
    const controller = new AbortController()
    const call = failure(plain.streamingInputCall(requests, { signal: controller.signal }))
    controller.abort()
    expect(failureOf(await call)).toMatchObject({ status: 'CANCELLED' })
    requests.end()
  },

  async cancel_after_first_response({ plain, failureOf }) {
    const requests = new PassThrough({ objectMode: true })
    const controller = new AbortController()
    const call = plain.fullDuplexCall(requests, { signal: controller.signal })
    const replies = call[Symbol.asyncIterator]()
    requests.write(duplexRequest(27_182, 31_415))
    expectZeros((await replies.next()).value, 31_415)
    controller.abort()
    expect(failureOf(await failure(replies.next()))).toMatchObject({ status: 'CANCELLED' })
    requests.end()
  },

  async timeout_on_sleeping_server({ plain, failureOf }) {
    const requests = new PassThrough({ objectMode: true })
    requests.write(duplexRequest(27_182))
    const error = await failure(all(plain.fullDuplexCall(requests, { timeoutMs: 1 })))
    expect(failureOf(error)).toMatchObject({ status: 'DEADLINE_EXCEEDED' })
    requests.end()
  },

  async half_duplex({ plain }) {
    const replies = await all(plain.halfDuplexCall(stream(duplexRequest(8, 31_415), duplexRequest(8, 9))))
    expect(replies.map(({ payload }) => payload.body.length)).toEqual([31_415, 9])
  },
}

/** The other cases of that list. docs/coverage.md has the reasons. */
export const OTHER_CASES: readonly string[] = [
  'cacheable_unary',
  'server_compressed_unary',
  'client_compressed_streaming',
  'server_compressed_streaming',
  'compute_engine_creds',
  'jwt_token_creds',
  'oauth2_auth_token',
  'per_rpc_creds',
]

async function expectStatusMessage({ plain, failureOf }: CaseClients, message: string): Promise<void> {
  const responseStatus = { code: UNKNOWN, message }
  const failures = [
    await failure(plain.unaryCall({ responseStatus })),
    await failure(all(plain.fullDuplexCall(stream({ responseStatus })))),
  ]
  const expected = { status: 'UNKNOWN', message }
  expect(failures.map((error) => failureOf(error))).toEqual([expected, expected])
}

function largeRequest(): Message {
  return { responseSize: 314_159, payload: { body: new Uint8Array(271_828) } }
}

function duplexRequest(requestSize: number, ...replySizes: readonly number[]): Message {
  return {
    responseParameters: replySizes.map((size) => ({ size })),
    payload: { body: new Uint8Array(requestSize) },
  }
}

function inputRequests(...sizes: readonly number[]): AsyncIterable<Message> {
  return stream(...sizes.map((size) => ({ payload: { body: new Uint8Array(size) } })))
}

function expectZeros({ payload }: Message, size: number): void {
  expect(payload.type).toBe(0)
  // A comparison by `toEqual` takes seconds.
  expect(Buffer.compare(payload.body, Buffer.alloc(size))).toBe(0)
}

async function* stream(...messages: readonly Message[]): AsyncGenerator<Message> {
  yield* messages
}
