import { create, type DescFile, type DescMessage, type DescService, toBinary } from '@bufbuild/protobuf'
import { SUCCESS, statusOf } from './call-status.js'
import { DescribedFiles } from './described-files.js'
import type { Route } from './gateway-calls.js'
import { decoded } from './health.js'
import { type ReflectionVersion, reflectionTypes } from './own-descriptors.js'
import type { ServerCall } from './server-call.js'

const VERSIONS: readonly ReflectionVersion[] = ['v1', 'v1alpha']

/** A message `ServerReflectionRequest`. */
interface ReflectionRequest {
  readonly host: string
  readonly messageRequest:
    | { readonly case: 'fileByFilename' | 'fileContainingSymbol' | 'listServices'; readonly value: string }
    | { readonly case: 'allExtensionNumbersOfType'; readonly value: string }
    | { readonly case: 'fileContainingExtension'; readonly value: ExtensionRequest }
    | { readonly case: undefined }
}

interface ExtensionRequest {
  readonly containingType: string
  readonly extensionNumber: number
}

/** The oneof of a message `ServerReflectionResponse`. */
interface Answer {
  readonly case: string
  readonly value: Record<string, unknown>
}

/** The service `ServerReflection` in both of its versions, which describes services to clients. */
export function reflectionRoutes(services: readonly DescService[]): [path: string, route: Route][] {
  const versions = VERSIONS.map((version) => {
    const types = reflectionTypes(version)
    const scope = `grpc.reflection.${version}`
    return {
      service: types.getService(`${scope}.ServerReflection`) as DescService,
      request: types.getMessage(`${scope}.ServerReflectionRequest`) as DescMessage,
      response: types.getMessage(`${scope}.ServerReflectionResponse`) as DescMessage,
    }
  })
  const files = new DescribedFiles([...services, ...versions.map(({ service }) => service)])
  return versions.map(({ service, request, response }) => {
    const run = (call: ServerCall): Promise<void> => describe(call, files, request, response)
    const path = `/${service.typeName}/ServerReflectionInfo`
    const guarded = { service: service.typeName, method: 'ServerReflectionInfo' }
    return [path, { timeoutMs: Number.POSITIVE_INFINITY, standing: true, guarded, run }]
  })
}

async function describe(
  call: ServerCall,
  files: DescribedFiles,
  request: DescMessage,
  response: DescMessage,
): Promise<void> {
  const sent = new Set<DescFile>()
  for await (const bytes of call.requests) {
    const originalRequest = decoded(request, bytes) as ReflectionRequest
    const messageResponse = answerTo(originalRequest, files, sent)
    const fields: Record<string, unknown> = {
      validHost: originalRequest.host,
      originalRequest,
      messageResponse,
    }
    await call.send(toBinary(response, create(response, fields)))
  }
  call.end(SUCCESS)
}

function answerTo({ messageRequest }: ReflectionRequest, files: DescribedFiles, sent: Set<DescFile>): Answer {
  const filesOf = (file: DescFile | undefined, what: string): Answer =>
    file === undefined
      ? notFound(what)
      : { case: 'fileDescriptorResponse', value: { fileDescriptorProto: files.encode(file, sent) } }
  switch (messageRequest.case) {
    case 'fileByFilename':
      return filesOf(files.named(messageRequest.value), `file ${messageRequest.value}`)
    case 'fileContainingSymbol':
      return filesOf(files.containing(messageRequest.value), `symbol ${messageRequest.value}`)
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = messageRequest.value
      const what = `extension ${extensionNumber} of ${containingType}`
      return filesOf(files.extending(containingType, extensionNumber), what)
    }
    case 'allExtensionNumbersOfType': {
      const extensionNumber = files.extensionNumbers(messageRequest.value)
      if (extensionNumber === undefined) return notFound(`type ${messageRequest.value}`)
      const value = { baseTypeName: messageRequest.value, extensionNumber }
      return { case: 'allExtensionNumbersResponse', value }
    }
    case 'listServices':
      return {
        case: 'listServicesResponse',
        value: { service: files.services.map((name) => ({ name })) },
      }
    case undefined:
      return failure(statusOf('INVALID_ARGUMENT', 'the request has no field that this server knows'))
  }
}

function notFound(what: string): Answer {
  return failure(statusOf('NOT_FOUND', `this server has no ${what}`))
}

function failure({ code, message }: { readonly code: number; readonly message: string }): Answer {
  return { case: 'errorResponse', value: { errorCode: code, errorMessage: message } }
}
