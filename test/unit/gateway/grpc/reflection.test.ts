import { create, createFileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { status as Code } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { type ReflectionVersion, reflectionTypes } from '../../../../src/gateway/grpc/own-descriptors.js'
import { type Message, openGateway } from '../../../support/grpc-gateways.js'

async function ask(version: ReflectionVersion, requests: Message[]): Promise<Message[]> {
  const { client } = await openGateway({}, { reflection: true })
  const types = reflectionTypes(version)
  const request = types.getMessage(`grpc.reflection.${version}.ServerReflectionRequest`) as Message
  const response = types.getMessage(`grpc.reflection.${version}.ServerReflectionResponse`) as Message
  const call = client.raw.makeBidiStreamRequest<Message, Message>(
    `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    (message) => Buffer.from(toBinary(request, create(request, message))),
    (bytes) => fromBinary(response, bytes),
  )
  const answers: Message[] = []
  call.on('data', ({ messageResponse }: Message) => answers.push(messageResponse))
  for (const messageRequest of requests) call.write({ host: 'here', messageRequest })
  call.end()
  await new Promise((resolve) => {
    call.on('status', resolve)
  })
  return answers
}

describe.each(['v1', 'v1alpha'] as const)('the reflection %s of a gateway', (version) => {
  it('lists its services', async () => {
    const [answer] = await ask(version, [{ case: 'listServices', value: '' }])
    expect(answer.value.service.map(({ name }: Message) => name)).toEqual([
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
      'user.UserService',
    ])
  })

  it('has complete descriptors of all services', async () => {
    const symbols = [
      'user.UserService',
      'grpc.health.v1.Health',
      `grpc.reflection.${version}.ServerReflection`,
    ]
    const answers = await ask(
      version,
      symbols.map((value) => ({ case: 'fileContainingSymbol', value })),
    )
    const file = answers
      .flatMap(({ value }) => value.fileDescriptorProto as Uint8Array[])
      .map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes))
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: file.toReversed() }))
    for (const symbol of symbols) expect(registry.getService(symbol)).toBeDefined()
    // Each file once.
    expect(new Set(file.map(({ name }) => name)).size).toBe(file.length)
  })

  it('finds files by their names and by what they declare', async () => {
    const found = [
      { case: 'fileByFilename', value: 'google/api/http.proto' },
      { case: 'fileContainingSymbol', value: 'user.UserService.GetUser' },
      { case: 'fileContainingSymbol', value: 'user.User.name' },
      { case: 'fileContainingSymbol', value: 'user.ROLE_ADMIN' },
      { case: 'fileContainingSymbol', value: 'google.api.http' },
      {
        case: 'fileContainingExtension',
        value: { containingType: 'google.protobuf.MethodOptions', extensionNumber: 72_295_728 },
      },
    ]
    const answers = await ask(version, found)
    const first = ({ value }: Message): string =>
      fromBinary(FileDescriptorProtoSchema, value.fileDescriptorProto[0]).name
    expect(answers.map(first)).toEqual([
      'google/api/http.proto',
      'users.proto',
      'users.proto',
      'users.proto',
      'google/api/annotations.proto',
      'google/api/annotations.proto',
    ])
  })

  it('lists the extensions of a type', async () => {
    const [numbers, none, missing] = await ask(version, [
      { case: 'allExtensionNumbersOfType', value: 'google.protobuf.MethodOptions' },
      { case: 'allExtensionNumbersOfType', value: 'user.User' },
      { case: 'allExtensionNumbersOfType', value: 'user.Missing' },
    ])
    expect(numbers.value).toMatchObject({
      baseTypeName: 'google.protobuf.MethodOptions',
      extensionNumber: [72_295_728],
    })
    expect(none.value.extensionNumber).toEqual([])
    expect(missing.value).toMatchObject({ errorCode: Code.NOT_FOUND })
  })

  it('reports what it does not have', async () => {
    const answers = await ask(version, [
      { case: 'fileByFilename', value: 'missing.proto' },
      { case: 'fileContainingSymbol', value: 'user.Missing' },
      { case: undefined },
    ])
    expect(answers.map(({ value }) => [value.errorCode, value.errorMessage])).toEqual([
      [Code.NOT_FOUND, 'this server has no file missing.proto'],
      [Code.NOT_FOUND, 'this server has no symbol user.Missing'],
      [Code.INVALID_ARGUMENT, 'the request has no field that this server knows'],
    ])
  })
})

describe('a gateway without reflection', () => {
  it('does not describe its services', async () => {
    const { client } = await openGateway({})
    const call = client.raw.makeBidiStreamRequest(
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      (bytes: Buffer) => bytes,
      (bytes) => bytes,
    )
    call.on('error', () => {})
    const status = await new Promise((resolve) => {
      call.on('status', resolve)
    })
    expect(status).toMatchObject({ code: Code.UNIMPLEMENTED })
  })
})
