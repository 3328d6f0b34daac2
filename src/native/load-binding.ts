import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { textOfThrown } from '../uncaught.js'
import type { NativeBinding } from './binding.js'

/** The addon, or the reason why it cannot be used, as a sentence. */
export type NativeLoad = Loaded | Unavailable

interface Loaded {
  readonly binding: NativeBinding
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

/** The same distance from src/native/ and from dist/native/. */
const PACKAGE_ROOT = fileURLToPath(new URL('../../', import.meta.url))

let loaded: NativeLoad | undefined

/**
 * Loads the addon once in each thread; if it did not load, the next call tries again. Never throws.
 * `SHMWIRE_NO_ADDON=1`, read at the first call, disables the addon.
 */
export function loadBinding(): NativeLoad {
  if (loaded === undefined || ('mayPass' in loaded && loaded.mayPass)) {
    loaded = findBinding(PACKAGE_ROOT, process.env)
  }
  return loaded
}

/** The reason why this process has no shared memory; undefined if it has some. */
export function memoryFault(native: NativeLoad): string | undefined {
  return 'binding' in native ? native.noMemory : native.unavailable
}

/** `loadBinding` without the cache; `root` is the package's directory and ends in a slash. */
export function findBinding(root: string, environment: NodeJS.ProcessEnv): NativeLoad {
  if (environment['SHMWIRE_NO_ADDON'] === '1')
    return { unavailable: 'SHMWIRE_NO_ADDON=1 turns the native addon off' }
  const platform = platformName()
  // An addon that was built here takes precedence over the shipped one.
  const candidates = ['build/Release/shmwire.node', `prebuilds/${platform}/shmwire.node`]
  const failures: string[] = []
  let mayPass = false
  for (const file of candidates) {
    if (!existsSync(root + file)) continue
    try {
      const binding = createRequire(import.meta.url)(root + file) as NativeBinding
      const fault = faultOf(binding)
      if (fault === undefined) return { binding }
      failures.push(`${file} ${fault}`)
    } catch (error) {
      mayPass = true
      failures.push(`${file} does not load: ${firstLine(error)}`)
    }
  }
  if (failures.length > 0)
    return { unavailable: `the native addon cannot be used: ${failures.join('; ')}`, mayPass }
  return {
    unavailable: `there is no native addon for ${platform}: neither ${candidates.join(' nor ')} exists`,
  }
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

function platformName(): string {
  return `${process.platform}-${process.arch}${usesMusl() ? '-musl' : ''}`
}

/**
 * A glibc binary crashes in a musl process, so the C library must be known before loading. The
 * loader that is mapped into this process decides; files on the disk may belong to the other C
 * library. It is cheaper than process.report, which may use the network.
 */
function usesMusl(): boolean {
  if (process.platform !== 'linux') return false
  try {
    return /\/(?:ld-musl-|libc\.musl-)/.test(readFileSync('/proc/self/maps', 'latin1'))
  } catch {
    return false
  }
}

function firstLine(error: unknown): string {
  const text = textOfThrown(error)
  return text.split('\n', 1)[0] ?? text
}
