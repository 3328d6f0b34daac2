import { type DescFile, type DescService, toBinary } from '@bufbuild/protobuf'
import { nestedTypes } from '@bufbuild/protobuf/reflect'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'

/** The `.proto` files of services, with all that they import, for clients that ask for them. */
export class DescribedFiles {
  /** The full names. */
  readonly services: readonly string[]
  readonly #byName = new Map<string, DescFile>()
  /** By the full name of anything that a file declares. */
  readonly #bySymbol = new Map<string, DescFile>()
  /** By the full name of the message that is extended, and the number of the field. */
  readonly #extensions = new Map<string, Map<number, DescFile>>()
  readonly #bytes = new Map<DescFile, Uint8Array>()

  constructor(services: readonly DescService[]) {
    this.services = services.map(({ typeName }) => typeName).toSorted()
    const files = new Set(services.map(({ file }) => file))
    // The loop also visits what it adds.
    for (const file of files) {
      for (const dependency of file.dependencies) files.add(dependency)
      this.#add(file)
    }
  }

  named(name: string): DescFile | undefined {
    return this.#byName.get(name)
  }

  containing(symbol: string): DescFile | undefined {
    return this.#bySymbol.get(symbol)
  }

  extending(type: string, number: number): DescFile | undefined {
    return this.#extensions.get(type)?.get(number)
  }

  /** Undefined: there is no such type. */
  extensionNumbers(type: string): number[] | undefined {
    const numbers = this.#extensions.get(type)
    if (numbers !== undefined) return [...numbers.keys()].toSorted((left, right) => left - right)
    return this.#bySymbol.has(type) ? [] : undefined
  }

  /** The file with the files that it imports, each in its binary form, without those in `sent`, to which it adds them. */
  encode(file: DescFile, sent: Set<DescFile>): Uint8Array[] {
    const visited = new Set([file])
    const encoded: Uint8Array[] = []
    for (const current of visited) {
      for (const dependency of current.dependencies) visited.add(dependency)
      if (current !== file && sent.has(current)) continue
      sent.add(current)
      encoded.push(this.#encodeOne(current))
    }
    return encoded
  }

  #encodeOne(file: DescFile): Uint8Array {
    let bytes = this.#bytes.get(file)
    if (bytes === undefined) {
      bytes = toBinary(FileDescriptorProtoSchema, file.proto)
      this.#bytes.set(file, bytes)
    }
    return bytes
  }

  #add(file: DescFile): void {
    this.#byName.set(file.proto.name, file)
    for (const type of nestedTypes(file)) {
      this.#bySymbol.set(type.typeName, file)
      if (type.kind === 'service')
        for (const { name } of type.methods) this.#bySymbol.set(`${type.typeName}.${name}`, file)
      if (type.kind === 'message')
        for (const { name } of type.members) this.#bySymbol.set(`${type.typeName}.${name}`, file)
      if (type.kind === 'enum')
        // The values of an enum are names beside it.
        for (const { name } of type.values) this.#bySymbol.set(type.typeName.replace(/[^.]+$/, name), file)
      if (type.kind === 'extension') this.#addExtension(type.extendee.typeName, type.number, file)
    }
  }

  #addExtension(type: string, number: number, file: DescFile): void {
    let numbers = this.#extensions.get(type)
    if (numbers === undefined) {
      numbers = new Map()
      this.#extensions.set(type, numbers)
    }
    numbers.set(number, file)
  }
}
