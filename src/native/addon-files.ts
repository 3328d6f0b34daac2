import { readFileSync } from 'node:fs'
import Module from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { firstLineOfThrown } from '../uncaught.js'

/** A file that can be the addon, or a sentence that says why there is none in a place. */
export type AddonPlace = { readonly path: string } | { readonly missing: string }

/** The files of the package that have this code (scripts/build.mjs), and the way to its folder. The bundle of a program has another name. */
const FILES_OF_PACKAGE: readonly (readonly [file: RegExp, root: string])[] = [
  [/[/\\]dist[/\\]shmwire-core\.js$/, '..'],
  [/[/\\]src[/\\]native[/\\]addon-files\.ts$/, '../..'],
  [/[/\\]build[/\\]modules[/\\]native[/\\]addon-files\.js$/, '../../..'],
]

/**
 * The file of this code: a module of the package, or a bundle that contains it. Undefined if it is unknown, as in a program without a file.
 *
 * In a CommonJS bundle, esbuild leaves `import.meta` empty, and there is `__filename`. `node --eval` and some programs define a global of that
 * name, which is another file. `import.meta.url` is the last choice, because webpack replaces it with the path on the computer that created
 * the bundle.
 */
export function runningFile(): string | undefined {
  const filename = import.meta.filename as string | undefined
  if (filename !== undefined) return filename
  if (typeof __filename === 'string' && __filename !== Reflect.get(globalThis, '__filename'))
    return __filename
  const url = import.meta.url as string | undefined
  return url?.startsWith('file:') ? fileURLToPath(url) : undefined
}

/** The files in which the addon can be, the preferred one first. */
export function* addonFiles(file: string | undefined, platform: string): Generator<AddonPlace> {
  if (file === undefined) {
    yield { missing: 'the path of this code is unknown' }
    return
  }
  const own = FILES_OF_PACKAGE.find(([pattern]) => pattern.test(file))
  if (own !== undefined) {
    yield* filesOfPackage(join(dirname(file), own[1]), platform)
    return
  }
  yield { path: join(dirname(file), 'shmwire.node') }
  yield { path: join(dirname(file), prebuilt(platform)) }
  yield* installedFiles(file, platform)
}

/** An addon that was built on this machine takes precedence over the prebuilt one. */
function* filesOfPackage(root: string, platform: string): Generator<AddonPlace> {
  yield { path: join(root, 'build/Release/shmwire.node') }
  yield { path: join(root, prebuilt(platform)) }
}

function prebuilt(platform: string): string {
  return join('prebuilds', platform, 'shmwire.node')
}

/** `<operating system>-<processor>`, with `-musl` for that C library: the name of a folder in `prebuilds/`. */
export function platformName(): string {
  return `${process.platform}-${process.arch}${usesMusl() ? '-musl' : ''}`
}

/** The files of the package that a bundle would import if it did not contain a copy. */
function* installedFiles(file: string, platform: string): Generator<AddonPlace> {
  let manifest: string
  try {
    // Not the named import, whose calls webpack replaces.
    manifest = Module.createRequire(file).resolve('shmwire/package.json')
  } catch (error) {
    yield { missing: `no package is installed for ${file}: ${firstLineOfThrown(error)}` }
    return
  }
  yield* filesOfPackage(dirname(manifest), platform)
}

/**
 * A glibc binary crashes in a musl process, so the C library must be known before loading. The
 * loader that is mapped into this process decides; files on the disk may belong to the other C
 * library. It is cheaper than process.report, which may use the network.
 */
function usesMusl(): boolean {
  if (process.platform !== 'linux') return false
  try {
    // In some distributions, ld-musl- is a link to libc.so; the library of glibc is libc.so.6.
    return /\/(?:ld-musl-|libc\.musl-|libc\.so$)/m.test(readFileSync('/proc/self/maps', 'latin1'))
  } catch {
    return false
  }
}
