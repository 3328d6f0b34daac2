// The service `grpc.testing.TestService`, as doc/interop-test-descriptions.md of gRPC defines it.
import { verify } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { STATUSES } from '../../../build/modules/status.js'
import { ServiceError } from '../../../dist/index.js'
import { loadContracts } from '../../../dist/service/proto/index.js'

const DESCRIPTORS = new URL('../../support/grpc-testing/grpc-testing.binpb', import.meta.url)
const SERVICE = 'grpc.testing.TestService'
/** Clients call this method to check that a server rejects a method that it does not have. */
const UNIMPLEMENTED = ['UnimplementedCall', 'CacheableUnaryCall']

const ECHO_INITIAL = 'x-grpc-test-echo-initial'
const ECHO_TRAILING = 'x-grpc-test-echo-trailing-bin'

const COMPRESSABLE = 0
const SIZE_MAX = 64 * 1024 * 1024
const US_PER_MS = 1000

/** The contract of the methods that the handlers have. */
export async function testContract() {
  const set = fromBinary(FileDescriptorSetSchema, await readFile(DESCRIPTORS))
  for (const { service } of set.file)
    for (const each of service) each.method = each.method.filter(({ name }) => !UNIMPLEMENTED.includes(name))
  const contracts = await loadContracts(toBinary(FileDescriptorSetSchema, set))
  return contracts.get(SERVICE)
}

/**
 * The handlers for `serve`.
 *
 * @param isCompressed whether a message arrived compressed; undefined if the server cannot determine that
 * @param publicKey verifies the tokens of callers; undefined if no caller has one
 */
export function testHandlers({ isCompressed, publicKey } = {}) {
  const checkCompressed = (request) => {
    const { expectCompressed } = request
    if (isCompressed === undefined || expectCompressed === undefined) return
    if (expectCompressed.value === isCompressed(request)) return
    throw new ServiceError(
      'INVALID_ARGUMENT',
      `the request must ${expectCompressed.value ? '' : 'not '}be compressed`,
    )
  }

  return {
    emptyCall: () => ({}),

    unaryCall(request, context) {
      checkCompressed(request)
      echoMetadata(context)
      echoStatus(request)
      const { iss = '', scope = '' } = claimsOf(context.metadata, publicKey)
      return {
        payload: payload(request.responseType, request.responseSize),
        username: request.fillUsername ? iss : '',
        oauthScope: request.fillOauthScope ? scope : '',
      }
    },

    async *streamingOutputCall(request, context) {
      echoMetadata(context)
      yield* responses(request, context)
    },

    async streamingInputCall(requests) {
      let aggregatedPayloadSize = 0
      for await (const request of requests) {
        checkCompressed(request)
        aggregatedPayloadSize += request.payload?.body.length ?? 0
      }
      return { aggregatedPayloadSize }
    },

    async *fullDuplexCall(requests, context) {
      echoMetadata(context)
      for await (const request of requests) yield* responses(request, context)
    },

    async *halfDuplexCall(requests, context) {
      echoMetadata(context)
      const received = []
      for await (const request of requests) received.push(request)
      for (const request of received) yield* responses(request, context)
    },
  }
}

/** `intervalUs` is the time since the response before. */
async function* responses(request, { signal }) {
  echoStatus(request)
  for (const { size, intervalUs } of request.responseParameters) {
    if (intervalUs > 0) await sleep(intervalUs / US_PER_MS, undefined, { signal })
    yield { payload: payload(request.responseType, size) }
  }
}

function payload(type, size) {
  if (type !== COMPRESSABLE)
    throw new ServiceError('INVALID_ARGUMENT', `the payload type ${type} is unknown; use ${COMPRESSABLE}`)
  if (size < 0 || size > SIZE_MAX)
    throw new ServiceError('INVALID_ARGUMENT', `the size ${size} is not from 0 to ${SIZE_MAX}`)
  return { type, body: Buffer.alloc(size) }
}

/** The claims of the caller's JSON Web Token, which the algorithm RS256 must have signed. */
function claimsOf(metadata, publicKey) {
  const token = metadata.get('authorization')
  if (token === undefined || publicKey === undefined) return {}
  const [, text, claims, signature] = /^Bearer ([\w-]+\.([\w-]+))\.([\w-]+)$/.exec(token) ?? []
  if (text !== undefined && verify('sha256', text, publicKey, Buffer.from(signature, 'base64url')))
    return JSON.parse(Buffer.from(claims, 'base64url'))
  throw new ServiceError('UNAUTHENTICATED', 'the token is not valid')
}

function echoMetadata({ metadata, headers, trailers }) {
  const initial = metadata.get(ECHO_INITIAL)
  if (initial !== undefined) headers.set(ECHO_INITIAL, initial)
  const trailing = metadata.get(ECHO_TRAILING)
  if (trailing !== undefined) trailers.set(ECHO_TRAILING, trailing)
}

function echoStatus({ responseStatus }) {
  if (responseStatus === undefined || responseStatus.code === 0) return
  throw new ServiceError(STATUSES[responseStatus.code - 1] ?? 'UNKNOWN', responseStatus.message)
}
