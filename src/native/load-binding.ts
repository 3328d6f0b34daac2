import { existsSync } from 'node:fs'
import Module from 'node:module'
import { isAbsolute } from 'node:path'
import { printable } from '../printable.js'
import { firstLineOfThrown } from '../uncaught.js'
import { type AddonPlace, addonFiles, platformName, runningFile } from './addon-files.js'
import type { NativeBinding } from './binding.js'

/** The addon, or the reason why it cannot be used, as a sentence. */
export type NativeLoad = Loaded | Unavailable

interface Loaded {
  readonly binding: NativeBinding
  /** The file of the addon. */
  readonly path?: string
  /** The reason why this process cannot use shared memory, although it has the addon. */
  readonly noMemory?: string
}

interface Unavailable {
  readonly unavailable: string
  /** The addon exists and did not load; a descriptor or memory may have been short. */
  readonly mayPass?: boolean
}

/** Layout of segments that this version of the JavaScript code understands. */
const LAYOUT_VERSION = 1

/** A path can have 4096 characters, and the control messages carry reasons of 1024. There are at most four places. */
const FAILURE_CHARACTERS_MAX = 190
/** Of the end of a path, which names the place in the package. */
const PATH_CHARACTERS_MAX = 80

let loaded: NativeLoad | undefined

/**
 * Loads the addon once in each thread; if it did not load, the next call tries again. Never throws.
 * Read at the first call: `SHMWIRE_NO_ADDON=1` disables the addon, and `SHMWIRE_ADDON` is the path of its file.
 */
export function loadBinding(): NativeLoad {
  if (loaded === undefined || ('mayPass' in loaded && loaded.mayPass)) {
    loaded = findBinding(runningFile(), process.env)
  }
  return loaded
}

/** The reason why this process has no shared memory; undefined if it has some. */
export function memoryFault(native: NativeLoad): string | undefined {
  return 'binding' in native ? native.noMemory : native.unavailable
}

/** `loadBinding` without the cache; `file` is the file of this code. */
export function findBinding(file: string | undefined, environment: NodeJS.ProcessEnv): NativeLoad {
  if (environment['SHMWIRE_NO_ADDON'] === '1')
    return { unavailable: 'SHMWIRE_NO_ADDON=1 turns the native addon off' }
  const chosen = environment['SHMWIRE_ADDON']
  const platform = platformName()
  const places = chosen ? chosenFile(chosen) : addonFiles(file, platform)
  const failures: string[] = []
  let mayPass = false
  let exists = false
  for (const place of places) {
    if ('path' in place && existsSync(place.path)) exists = true
    const attempt = 'path' in place ? loadFile(place.path) : { unavailable: place.missing }
    if ('binding' in attempt) return attempt
    if (attempt.mayPass === true) mayPass = true
    const reason =
      'path' in place ? attempt.unavailable.replaceAll(place.path, endOf(place.path)) : attempt.unavailable
    failures.push(printable(reason, FAILURE_CHARACTERS_MAX))
  }
  const summary = chosen
    ? 'the native addon of SHMWIRE_ADDON cannot be used'
    : `no native addon for ${platform} could be loaded`
  const remedy = exists || chosen ? '' : `; 'npx shmwire build' compiles it with a C++ compiler`
  return { unavailable: `${summary}: ${failures.join('; ')}${remedy}`, mayPass }
}

function endOf(path: string): string {
  return path.length <= PATH_CHARACTERS_MAX ? path : `…${path.slice(-PATH_CHARACTERS_MAX)}`
}

/** Only this file, so that a wrong path does not load another addon without a word. */
function chosenFile(path: string): AddonPlace[] {
  const isUsable = isAbsolute(path) && path.endsWith('.node')
  return [isUsable ? { path } : { missing: `${path} is not the absolute path of a .node file` }]
}

function loadFile(path: string): NativeLoad {
  if (!existsSync(path)) return { unavailable: `${path} does not exist` }
  try {
    // Not the named import, whose calls webpack replaces.
    const binding = Module.createRequire(path)(path) as NativeBinding
    const fault = faultOf(binding)
    return fault === undefined ? { binding, path } : { unavailable: `${path} ${fault}` }
  } catch (error) {
    const reason = firstLineOfThrown(error).replace(`${path}: `, '')
    return { unavailable: `${path} does not load: ${reason}${remedyOf(error)}`, mayPass: true }
  }
}

/** Node refuses addons with `--no-addons`, and with its permission model. */
function remedyOf(error: unknown): string {
  if ((error as NodeJS.ErrnoException | undefined)?.code !== 'ERR_DLOPEN_DISABLED') return ''
  return `; start node ${'permission' in process ? 'with --allow-addons' : 'without --no-addons'}`
}

function faultOf(binding: NativeBinding): string | undefined {
  const version = binding.LAYOUT_VERSION
  if (version !== LAYOUT_VERSION)
    return `has layout version ${version}, and this version of shmwire needs ${LAYOUT_VERSION}`
  const members = ['Endpoint', 'HandoverSocket', 'Doorbell', 'peerCredentials', 'refuseDescriptors'] as const
  return members.every((name) => typeof binding[name] === 'function')
    ? undefined
    : 'is not the addon of this package'
}
