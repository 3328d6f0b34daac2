// The service of the run: that of test/support/proto/users.proto.
import { readFileSync } from 'node:fs'
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { protoContract } from '../../../../dist/service/proto/index.js'

export const CALL_ID = 'call-id'

/** The names of its methods. */
export const METHODS = ['getUser', 'putUser', 'createUser', 'streamUsers', 'upload', 'chat']
/** The method with one message in each direction that is not repeated after it may have run. */
export const ONCE = 'createUser'
export const IDEMPOTENT = new Set(['getUser', 'putUser'])

/** Reads the contract from the descriptor set in `file`. */
export function contractFrom(file) {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(file)))
  return protoContract(registry.getService('user.UserService'))
}
