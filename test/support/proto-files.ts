import { readFileSync } from 'node:fs'
import {
  createFileRegistry,
  type DescExtension,
  type DescMessage,
  type DescService,
  type FileRegistry,
  fromBinary,
} from '@bufbuild/protobuf'
import { type FileDescriptorSet, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'

/** The descriptor set of test/support/proto. A test of the package compares it with the output of buf. */
export const TEST_DESCRIPTORS = new URL('proto/tests.binpb', import.meta.url)

export function testDescriptors(): FileDescriptorSet {
  return fromBinary(FileDescriptorSetSchema, readFileSync(TEST_DESCRIPTORS))
}

/** All types of the descriptor set. */
export const testRegistry: FileRegistry = createFileRegistry(testDescriptors())

export function testMessage(name: string): DescMessage {
  const message = testRegistry.getMessage(name)
  if (message === undefined) throw new Error(`the descriptor set has no message ${name}`)
  return message
}

export function testService(name: string): DescService {
  const service = testRegistry.getService(name)
  if (service === undefined) throw new Error(`the descriptor set has no service ${name}`)
  return service
}

export function testExtension(name: string): DescExtension {
  const extension = testRegistry.getExtension(name)
  if (extension === undefined) throw new Error(`the descriptor set has no extension ${name}`)
  return extension
}
