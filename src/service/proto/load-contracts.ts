import { readFile } from 'node:fs/promises'
import { createFileRegistry, type FileRegistry, fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { nearest } from '../../nearest.js'
import { invalid, misuse, show } from '../../options.js'
import { type ProtoContract, type ProtoContractOptions, protoContract } from './proto-contract.js'

/** The services of a descriptor set. It comes from `loadContracts`. */
export interface Contracts {
  /** The full names of all services. */
  readonly names: readonly string[]
  /** The contract of the service with this full name, for example `'user.UserService'`. Throws `INVALID_ARGUMENT`. */
  get(name: string, options?: ProtoContractOptions): ProtoContract
}

/**
 * Reads the descriptor set that `buf build -o users.binpb` or `protoc --include_imports --descriptor_set_out` writes. Its contracts have no
 * TypeScript types.
 *
 * @param source the path or the file URL, or the bytes
 * @throws `INVALID_ARGUMENT` if the file cannot be read, or is not a complete descriptor set
 */
export async function loadContracts(source: string | URL | Uint8Array): Promise<Contracts> {
  const registry = registryOf(source, await bytesOf(source))
  const services = new Map(
    [...registry].flatMap((type) => (type.kind === 'service' ? [[type.typeName, type] as const] : [])),
  )
  const names = [...services.keys()]
  return {
    names,
    get(name, options = {}) {
      if (typeof name !== 'string') throw invalid('the name of the service', name, 'a string')
      const service = services.get(name)
      if (service === undefined) throw unknownService(name, names)
      return protoContract(service, options)
    },
  }
}

async function bytesOf(source: string | URL | Uint8Array): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source
  if (typeof source !== 'string' && !(source instanceof URL))
    throw invalid('the descriptor set', source, 'a path, a file URL or a Uint8Array')
  try {
    return await readFile(source)
  } catch (cause) {
    throw failure(`the descriptor set ${shown(source)} cannot be read`, cause)
  }
}

function registryOf(source: string | URL | Uint8Array, bytes: Uint8Array): FileRegistry {
  try {
    return createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes))
  } catch (cause) {
    const remedy = 'write it with buf build -o, or with protoc --include_imports --descriptor_set_out'
    throw failure(`${shown(source)} is not a complete descriptor set; ${remedy}`, cause)
  }
}

function shown(source: string | URL | Uint8Array): string {
  return source instanceof Uint8Array ? `a Uint8Array of ${source.length} bytes` : show(String(source))
}

function failure(what: string, cause: unknown): ShmwireError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new ShmwireError(ErrorCode.INVALID_ARGUMENT, `${what}: ${reason}`, { cause })
}

function unknownService(name: string, names: readonly string[]): ShmwireError {
  const near = nearest(name, names)
  const remedy = near === undefined ? `it has ${names.join(', ') || 'none'}` : `did you mean ${show(near)}?`
  return misuse(`the descriptor set has no service ${show(name)}; ${remedy}`)
}
