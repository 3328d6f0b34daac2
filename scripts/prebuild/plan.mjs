import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  addonUnits,
  commonFlags,
  HEADERS,
  readSourceList,
} from '../../build/modules/cli/build/source-list.js'
import { findMacLinker, macLibrary, macLinkFlags } from './mac-linker.mjs'
import { COMPILE_FLAGS, LINK_FLAGS, PLATFORM_COMPILE_FLAGS } from './targets.mjs'

/** Every header can be in every source. */
const HEADER_FOLDERS = ['native/core', 'native/platform', 'native/addon', HEADERS]

/** Sources and flags of one target, without the path of the compiler. Relative paths begin at `root`. */
export function planOf(root, target) {
  const list = readSourceList(root)
  const further = ['-target', target.triple, ...COMPILE_FLAGS, ...PLATFORM_COMPILE_FLAGS[target.os]]
  const standalone = list.standalone.map((source) => ({
    source,
    flags: [...commonFlags(list, target.os), ...further, ...list.flags.addon],
  }))
  return {
    units: [...addonUnits(list, target.os, further), ...standalone],
    link: target.os === 'darwin' ? macLinkFlags(list, target.arch) : linkFlags(list, target),
  }
}

function linkFlags(list, target) {
  return [
    // Not c++, which would link a C++ library.
    'cc',
    '-target',
    target.triple,
    '-shared',
    '-s',
    '-O2',
    ...list.flags.link[target.os],
    ...LINK_FLAGS[target.os],
  ]
}

/** The whole command. */
export function linkCommand(link, target, zig) {
  return target.os === 'darwin' ? [findMacLinker(), ...link, ...macLibrary(zig)] : [zig, ...link]
}

/** Changes with every file, flag and compiler version that can change the binary. */
export function inputsHash(root, plan, toolchain) {
  const hash = createHash('sha256').update(JSON.stringify({ plan, toolchain }))
  const headers = HEADER_FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .map(String)
      .filter((file) => file.endsWith('.h'))
      .map((file) => `${folder}/${file}`)
      .toSorted(byText),
  )
  const own = ['scripts/prebuild/exports.map', 'scripts/prebuild/link-time.mjs']
  const files = [...plan.units.map(({ source }) => source), ...headers, ...own]
  for (const file of files) {
    const text = readFileSync(join(root, file))
    hash.update(`${file}\0${text.length}\0`).update(text)
  }
  return hash.digest('hex')
}

function byText(a, b) {
  return a < b ? -1 : 1
}
