import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Unit } from './compile-units.js'

/** By `process.platform`. */
type ByPlatform = Readonly<Record<string, readonly string[]>>

/** native/sources.json, as far as the builds without CMake and node-gyp use it. */
export interface SourceList {
  readonly core: readonly string[]
  readonly platform: ByPlatform
  readonly addon: readonly string[]
  readonly platformAddon: ByPlatform
  /** Only for binaries that do not link the C++ library. */
  readonly standalone: readonly string[]
  readonly hostile: readonly string[]
  readonly flags: {
    readonly compile: readonly string[]
    readonly core: readonly string[]
    readonly addon: readonly string[]
    /** Flags of `compile` that a platform does not have. */
    readonly platformExcluded: ByPlatform
    /** Flags that only a platform has. */
    readonly platformCompile: ByPlatform
    readonly link: ByPlatform
  }
  readonly defines: readonly string[]
}

/** The headers of Node-API and node-addon-api, which are copied there (scripts/copy-headers.mjs). */
export const HEADERS = 'native/include'

export function readSourceList(root: string): SourceList {
  return JSON.parse(readFileSync(join(root, 'native/sources.json'), 'utf8')) as SourceList
}

/** The sources of the addon for an operating system, each with its flags. Relative paths begin at the root. */
export function addonUnits(list: SourceList, platform: string, further: readonly string[]): Unit[] {
  const flags = [...commonFlags(list, platform), ...further]
  const core = [...list.core, ...(list.platform[platform] ?? [])]
  const addon = [...list.addon, ...(list.platformAddon[platform] ?? [])]
  return [
    ...core.map((source) => ({ source, flags: [...flags, ...list.flags.core] })),
    ...addon.map((source) => ({ source, flags: [...flags, ...list.flags.addon] })),
  ]
}

/** The flags that every source needs. */
export function commonFlags(list: SourceList, platform: string): string[] {
  const { compile, platformCompile, platformExcluded } = list.flags
  const excluded = platformExcluded[platform] ?? []
  return [
    ...compile.filter((flag) => !excluded.includes(flag)),
    ...(platformCompile[platform] ?? []),
    ...list.defines.map((define) => `-D${define}`),
    '-Inative',
    `-isystem${HEADERS}`,
  ]
}
