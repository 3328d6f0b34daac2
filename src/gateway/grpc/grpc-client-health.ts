import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { CallOptions } from '../../service/call/call-context.js'
import { isServiceError } from '../../service/call/call-failure.js'
import type { Invoke, ServiceCalls } from '../../service/service-calls.js'
import { ServiceError } from '../../service-error.js'
import type { Status } from '../../status.js'
import type { GrpcMethod } from './grpc-client-call.js'
import { HEALTH } from './own-descriptors.js'

const CHECK = 'check'
/** The number of SERVING in `ServingStatus`. */
const SERVING = 1
/** The server is there, and does not report the health of the service. */
const WITHOUT_HEALTH: ReadonlySet<Status> = new Set<Status>(['UNIMPLEMENTED', 'NOT_FOUND'])

/** The method `Check`, for a request with the name of a service and an answer with its status. */
export const HEALTH_METHODS: readonly [name: string, method: GrpcMethod][] = [
  [`${HEALTH}/${CHECK}`, { path: `/${HEALTH}/Check`, encode: encodeRequest, decode: decodeResponse }],
]

/** The function `$ping` for a service. `calls` are those of `HEALTH`. */
export function pingOf(service: string, calls: ServiceCalls): (options?: CallOptions) => Promise<void> {
  const check: Invoke = calls.function(CHECK, { kind: 'unary', idempotent: true })
  return async (options) => {
    let status: unknown
    try {
      status = await check(service, options)
    } catch (error) {
      if (isServiceError(error) && WITHOUT_HEALTH.has(error.status)) return
      throw error
    }
    if (status !== SERVING)
      throw new ServiceError(
        'UNAVAILABLE',
        `the server reports that ${service} does not serve; call again later`,
      )
  }
}

function encodeRequest(service: unknown): Uint8Array {
  return new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(service as string)
    .finish()
}

function decodeResponse(bytes: Uint8Array): unknown {
  const reader = new BinaryReader(bytes)
  let status = 0
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (field === 1 && type === WireType.Varint) status = reader.int32()
    else reader.skip(type, field)
  }
  return status
}
