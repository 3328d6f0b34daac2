/**
 * The services that every server of gRPC can have, in the form that other packages generate from their `.proto` files: health checking
 * (https://github.com/grpc/grpc/blob/master/doc/health-checking.md) and server reflection
 * (https://github.com/grpc/grpc/blob/master/doc/server-reflection.md).
 */
import { create, createFileRegistry, type FileRegistry } from '@bufbuild/protobuf'
import {
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt'

/** The service that reports whether others serve. */
export const HEALTH = 'grpc.health.v1.Health'

/** The version that older clients know has the same messages under this name. */
export type ReflectionVersion = 'v1' | 'v1alpha'

/** A scalar type, the name of an enum of the package behind `enum `, or the name of a message of the package. A list ends in `[]`. */
type Fields = Readonly<Record<string, readonly [number: number, type: string, oneof?: 0]>>

const SCALARS: Readonly<Record<string, FieldDescriptorProto_Type>> = {
  string: FieldDescriptorProto_Type.STRING,
  bytes: FieldDescriptorProto_Type.BYTES,
  int32: FieldDescriptorProto_Type.INT32,
}

export function healthTypes(): FileRegistry {
  return registryOf(
    create(FileDescriptorProtoSchema, {
      name: 'grpc/health/v1/health.proto',
      package: 'grpc.health.v1',
      syntax: 'proto3',
      messageType: [
        { name: 'HealthCheckRequest', field: fields('grpc.health.v1', { service: [1, 'string'] }) },
        {
          name: 'HealthCheckResponse',
          field: fields('grpc.health.v1', { status: [1, 'enum HealthCheckResponse.ServingStatus'] }),
          enumType: [
            {
              name: 'ServingStatus',
              value: ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'].map((name, number) => ({
                name,
                number,
              })),
            },
          ],
        },
      ],
      service: [
        {
          name: 'Health',
          method: [
            { name: 'Check', ...types('grpc.health.v1', 'HealthCheckRequest', 'HealthCheckResponse') },
            {
              name: 'Watch',
              ...types('grpc.health.v1', 'HealthCheckRequest', 'HealthCheckResponse'),
              serverStreaming: true,
            },
          ],
        },
      ],
    }),
  )
}

export function reflectionTypes(version: ReflectionVersion): FileRegistry {
  const scope = `grpc.reflection.${version}`
  const message = (name: string, own: Fields, oneof?: string) => ({
    name,
    field: fields(scope, own),
    oneofDecl: oneof === undefined ? [] : [{ name: oneof }],
  })
  return registryOf(
    create(FileDescriptorProtoSchema, {
      name: `grpc/reflection/${version}/reflection.proto`,
      package: scope,
      syntax: 'proto3',
      messageType: [
        message('ServerReflectionRequest', REQUEST, 'message_request'),
        message('ExtensionRequest', { containing_type: [1, 'string'], extension_number: [2, 'int32'] }),
        message('ServerReflectionResponse', RESPONSE, 'message_response'),
        message('FileDescriptorResponse', { file_descriptor_proto: [1, 'bytes[]'] }),
        message('ExtensionNumberResponse', {
          base_type_name: [1, 'string'],
          extension_number: [2, 'int32[]'],
        }),
        message('ListServiceResponse', { service: [1, 'ServiceResponse[]'] }),
        message('ServiceResponse', { name: [1, 'string'] }),
        message('ErrorResponse', { error_code: [1, 'int32'], error_message: [2, 'string'] }),
      ],
      service: [
        {
          name: 'ServerReflection',
          method: [
            {
              name: 'ServerReflectionInfo',
              ...types(scope, 'ServerReflectionRequest', 'ServerReflectionResponse'),
              clientStreaming: true,
              serverStreaming: true,
            },
          ],
        },
      ],
    }),
  )
}

const REQUEST: Fields = {
  host: [1, 'string'],
  file_by_filename: [3, 'string', 0],
  file_containing_symbol: [4, 'string', 0],
  file_containing_extension: [5, 'ExtensionRequest', 0],
  all_extension_numbers_of_type: [6, 'string', 0],
  list_services: [7, 'string', 0],
}

const RESPONSE: Fields = {
  valid_host: [1, 'string'],
  original_request: [2, 'ServerReflectionRequest'],
  file_descriptor_response: [4, 'FileDescriptorResponse', 0],
  all_extension_numbers_response: [5, 'ExtensionNumberResponse', 0],
  list_services_response: [6, 'ListServiceResponse', 0],
  error_response: [7, 'ErrorResponse', 0],
}

function registryOf(file: FileDescriptorProto): FileRegistry {
  return createFileRegistry(file, () => undefined)
}

function types(scope: string, input: string, output: string): { inputType: string; outputType: string } {
  return { inputType: `.${scope}.${input}`, outputType: `.${scope}.${output}` }
}

function fields(scope: string, own: Fields): FieldDescriptorProto[] {
  return Object.entries(own).map(([name, [number, type, oneofIndex]]) => {
    const isList = type.endsWith('[]')
    const [, isEnum = '', typeName = ''] = /^(enum )?(.+?)(?:\[\])?$/.exec(type) ?? []
    const scalar = SCALARS[typeName]
    const reference = isEnum === '' ? FieldDescriptorProto_Type.MESSAGE : FieldDescriptorProto_Type.ENUM
    return create(FieldDescriptorProtoSchema, {
      name,
      number,
      label: isList ? FieldDescriptorProto_Label.REPEATED : FieldDescriptorProto_Label.OPTIONAL,
      type: scalar ?? reference,
      ...(scalar === undefined && { typeName: `.${scope}.${typeName}` }),
      ...(oneofIndex !== undefined && { oneofIndex }),
    })
  })
}
