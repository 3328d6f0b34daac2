import type { DescExtension, DescFile } from '@bufbuild/protobuf'

/** The extension with this full name. The file that uses an option imports the file that declares it, or one that does. */
export function findExtension(file: DescFile, typeName: string): DescExtension | undefined {
  const files = new Set([file])
  // The loop also visits what it adds.
  for (const { dependencies, extensions } of files) {
    const found = extensions.find((extension) => extension.typeName === typeName)
    if (found !== undefined) return found
    for (const dependency of dependencies) files.add(dependency)
  }
  return undefined
}
