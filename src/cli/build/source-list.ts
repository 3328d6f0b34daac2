import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** native/sources.json, as far as the builds without CMake and node-gyp use it. The keys of `platform` and `link` are `process.platform`. */
export interface SourceList {
  readonly core: readonly string[]
  readonly platform: Readonly<Record<string, readonly string[]>>
  readonly addon: readonly string[]
  /** Only for binaries that do not link the C++ library. */
  readonly standalone: readonly string[]
  readonly hostile: readonly string[]
  readonly flags: {
    readonly compile: readonly string[]
    readonly core: readonly string[]
    readonly addon: readonly string[]
    readonly link: Readonly<Record<string, readonly string[]>>
  }
  readonly defines: readonly string[]
}

/** The headers of Node-API and node-addon-api, which are copied there (scripts/copy-headers.mjs). */
export const HEADERS = 'native/include'

export function readSourceList(root: string): SourceList {
  return JSON.parse(readFileSync(join(root, 'native/sources.json'), 'utf8')) as SourceList
}

/** The flags that every source needs, paths relative to the root. */
export function commonFlags(list: SourceList): string[] {
  const defines = list.defines.map((define) => `-D${define}`)
  return [...list.flags.compile, ...defines, '-Inative', `-isystem${HEADERS}`]
}
