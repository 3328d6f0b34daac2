import {
  create,
  createFileRegistry,
  type DescMessage,
  fromJson,
  type JsonValue,
  type Message,
  setExtension,
  toJson,
} from '@bufbuild/protobuf'
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldOptionsSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { protoJsonSchema } from '../../../../src/service/proto/proto-json-schema.js'
import { testDescriptors, testMessage, testRegistry } from '../../../support/proto-files.js'
import { type Json, SchemaValues } from '../../../support/rest-fuzz/schema-values.js'

const schemaOf = (name: string): Json => protoJsonSchema(testMessage(name))
const fieldsOf = (name: string): Json => schemaOf(name).$defs[name].properties

function validatorOf(schema: Json) {
  return new Ajv2020({ strict: false, validateFormats: false }).compile(schema)
}

/** The types of the file with a change. */
function changed(change: (file: FileDescriptorProto) => void, more: FileDescriptorProto[] = []) {
  const { file: files } = testDescriptors()
  const file = files.find(({ name }) => name === 'users.proto') as FileDescriptorProto
  change(file)
  const set = create(FileDescriptorSetSchema, { file: [...more, ...files] })
  return createFileRegistry(set)
}

describe('protoJsonSchema', () => {
  it('accepts what protobuf-es writes, and only has values that it reads', () => {
    const schema = schemaOf('user.User')
    const desc = testMessage('user.User')
    const validate = validatorOf(schema)
    const options = { registry: testRegistry }
    const values = new SchemaValues(schema).valid(schema).filter((value) => validate(value))
    fc.assert(
      fc.property(values, (value) => {
        const message = fromJson(desc, value as JsonValue, options) as Message
        const written = toJson(desc, message, { ...options, alwaysEmitImplicit: true })
        expect(validate(written), JSON.stringify(validate.errors)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('has the forms of ProtoJSON', () => {
    expect(fieldsOf('user.User')).toMatchObject({
      id: { type: 'string', format: 'int64' },
      avatar: { type: 'string', contentEncoding: 'base64' },
      age: { type: 'integer', minimum: 0, maximum: 2 ** 32 - 1 },
      offset: { type: 'integer', minimum: -(2 ** 31), maximum: 2 ** 31 - 1 },
      created: { type: 'string', format: 'date-time' },
      note: { type: ['string', 'null'] },
      notes: { type: 'array', items: { type: 'string' } },
      extra: { type: 'object', additionalProperties: true },
      role: { $ref: '#/$defs/user.Role' },
      pastRoles: { type: 'array', items: { $ref: '#/$defs/user.Role' } },
      friends: { type: 'object', additionalProperties: { $ref: '#/$defs/user.User' } },
      blobs: { propertyNames: { format: 'int32' } },
      roles: { propertyNames: { enum: ['true', 'false'] } },
    })
    expect(schemaOf('user.User').$defs['user.Role'].enum).toEqual(['ROLE_UNSPECIFIED', 'ROLE_ADMIN'])
    expect(fieldsOf('user.User').friends.propertyNames).toBeUndefined()
  })

  it.each([
    ['google.protobuf.Timestamp', { type: 'string', format: 'date-time' }],
    ['google.protobuf.Value', { description: 'Any JSON value.' }],
    ['google.protobuf.BytesValue', { type: 'string', contentEncoding: 'base64' }],
  ])('describes %s itself', (name, schema) => {
    expect(schemaOf(name)).toEqual(schema)
  })

  it('lets one member of a oneof be set', () => {
    const validate = validatorOf(schemaOf('user.User'))
    expect(validate({ phone: '1' })).toBe(true)
    for (const two of [
      { phone: '1', none: {} },
      { key: '', none: {} },
      { agent: {}, key: '' },
    ])
      expect(validate(two)).toBe(false)
  })

  it('has the required fields of proto2', () => {
    const names = [...testRegistry].flatMap((type) => (type.kind === 'message' ? [type] : []))
    const desc = names.find(({ proto }) =>
      proto.field.some(({ label }) => label === FieldDescriptorProto_Label.REQUIRED),
    )
    const schema: Json = protoJsonSchema(desc as DescMessage)
    expect(schema.$defs[(desc as DescMessage).typeName].required.length).toBeGreaterThan(0)
  })

  it('has the behaviours that google.api.field_behavior states', () => {
    const behaviors = create(FileDescriptorProtoSchema, {
      name: 'google/api/field_behavior.proto',
      package: 'google.api',
      syntax: 'proto3',
      dependency: ['google/protobuf/descriptor.proto'],
      enumType: [
        {
          name: 'FieldBehavior',
          value: ['FIELD_BEHAVIOR_UNSPECIFIED', 'OPTIONAL', 'REQUIRED', 'OUTPUT_ONLY', 'INPUT_ONLY'].map(
            (name, number) => ({
              name,
              number,
            }),
          ),
        },
      ],
      extension: [
        {
          name: 'field_behavior',
          extendee: '.google.protobuf.FieldOptions',
          number: 1052,
          label: FieldDescriptorProto_Label.REPEATED,
          type: FieldDescriptorProto_Type.ENUM,
          typeName: '.google.api.FieldBehavior',
        },
      ],
    })
    const { file } = testDescriptors()
    const descriptor = file.filter(({ name }) => name === 'google/protobuf/descriptor.proto')
    const extension = createFileRegistry(
      create(FileDescriptorSetSchema, { file: [...descriptor, behaviors] }),
    ).getExtension('google.api.field_behavior')
    const registry = changed(
      (users) => {
        users.dependency.push(behaviors.name)
        const { field: fields } = users.messageType.find(
          ({ name }) => name === 'GetUserRequest',
        ) as (typeof users.messageType)[0]
        for (const [index, value] of [
          [0, [2, 3]],
          [1, [4]],
        ] as const) {
          const field = fields[index] as (typeof fields)[0]
          field.options = create(FieldOptionsSchema)
          setExtension(field.options, extension as NonNullable<typeof extension>, [...value])
        }
      },
      [...descriptor, behaviors],
    )
    const schema: Json = protoJsonSchema(registry.getMessage('user.GetUserRequest') as DescMessage)
    const { properties, required } = schema.$defs['user.GetUserRequest']
    expect(required).toEqual(['id'])
    expect(properties.id.readOnly).toBe(true)
    expect(properties.account.writeOnly).toBe(true)
  })

  it('has the comments of a descriptor with source information, and what is deprecated', () => {
    const registry = changed((file) => {
      const at = (path: number[], leadingComments: string, trailingComments = '') => ({
        path,
        leadingComments,
        trailingComments,
      })
      const message = file.messageType.findIndex(({ name }) => name === 'User')
      file.sourceCodeInfo = create(FileDescriptorProtoSchema, {
        sourceCodeInfo: {
          location: [
            at([4, message], ' A user.\n\n With friends.\n'),
            at([4, message, 2, 0], '', ' Unique.\n'),
            at([5, 0], ' What a user may do.\n'),
          ],
        },
      }).sourceCodeInfo as NonNullable<FileDescriptorProto['sourceCodeInfo']>
      const name = file.messageType[message]?.field[1]
      if (name !== undefined) name.options = create(FieldOptionsSchema, { deprecated: true })
    })
    const { $defs }: Json = protoJsonSchema(registry.getMessage('user.User') as DescMessage)
    expect($defs['user.User'].description).toBe(
      'A user.\n\nWith friends.\n\nAt most one of `phone`, `agent`, `key`, `none` is set (oneof `contact`).',
    )
    expect($defs['user.User'].properties.id.description).toBe('Unique.')
    expect($defs['user.User'].properties.name.deprecated).toBe(true)
    expect($defs['user.Role'].description).toBe('What a user may do.')
  })
})
