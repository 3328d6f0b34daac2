/**
 * The prebuilt platforms. `name` is a folder of prebuilds/, as in platformName() of src/native/addon-files.ts; `os` is `process.platform`. The
 * versions in the triples are the oldest C library or system: those of Node.js 20.
 */
export const TARGETS = [
  { name: 'linux-x64', os: 'linux', triple: 'x86_64-linux-gnu.2.28' },
  { name: 'linux-arm64', os: 'linux', triple: 'aarch64-linux-gnu.2.28' },
  { name: 'linux-x64-musl', os: 'linux', triple: 'x86_64-linux-musl' },
  { name: 'linux-arm64-musl', os: 'linux', triple: 'aarch64-linux-musl' },
  { name: 'darwin-arm64', os: 'darwin', arch: 'arm64', triple: 'aarch64-macos.11.0' },
  { name: 'darwin-x64', os: 'darwin', arch: 'x64', triple: 'x86_64-macos.11.0' },
  { name: 'win32-x64', os: 'win32', triple: 'x86_64-windows-gnu' },
  { name: 'win32-arm64', os: 'win32', triple: 'aarch64-windows-gnu' },
]

/**
 * The flags in addition to those of native/sources.json: no debug information, no name of the compiler in the file, and no exported operators
 * new and delete.
 */
export const COMPILE_FLAGS = ['-g0', '-fno-ident', '-fvisibility-global-new-delete-hidden']

/** The compiler defines _WIN32_WINNT too. */
export const PLATFORM_COMPILE_FLAGS = { linux: [], darwin: [], win32: ['-Wno-macro-redefined'] }

export const LINK_FLAGS = {
  linux: ['-Wl,--version-script=scripts/prebuild/exports.map', '-Wl,--build-id=none'],
  win32: [],
}
