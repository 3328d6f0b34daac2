import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { buildCommand } from '../../../../src/cli/build/build-command.js'
import { commandIo } from '../../../support/command-io.js'
import { stubCompiler } from '../../../support/stub-compiler.js'
import { temporaryDirectory } from '../../../support/temporary-directory.js'

const LIST = fileURLToPath(new URL('../../../../native/sources.json', import.meta.url))

/** An installed package without sources. */
function packageFolder(): string {
  const root = temporaryDirectory()
  mkdirSync(join(root, 'native/include'), { recursive: true })
  cpSync(LIST, join(root, 'native/sources.json'))
  return root
}

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

describe.skipIf(process.platform === 'win32')('shmwire build', () => {
  it('names --output and SHMWIRE_ADDON when the folder of the package cannot be written', async () => {
    vi.stubEnv('CXX', stubCompiler({ __GNUC__: 12, __SIZEOF_POINTER__: 8 }))
    const root = packageFolder()
    writeFileSync(join(root, 'build'), 'not a folder')
    await expect(buildCommand.run(['--quiet'], commandIo({ root, env: process.env }))).rejects.toThrow(
      /^cannot write to .*: .*\. Choose another file with --output <file.node>, and set SHMWIRE_ADDON to its absolute path$/,
    )
  })

  it('names the operating system for which there is no native code', async () => {
    vi.stubEnv('CXX', stubCompiler({ __GNUC__: 12, __SIZEOF_POINTER__: 8 }))
    vi.spyOn(process, 'platform', 'get').mockReturnValue('android')
    await expect(buildCommand.run(['--quiet'], commandIo({ root: packageFolder(), env: process.env }))).rejects.toThrow(
      /^there is no native code for the operating system 'android', only for .*linux.*\. Channels use the socket here$/,
    )
  })

  it('leaves nothing behind when the compiler fails', async () => {
    vi.stubEnv('CXX', stubCompiler({ __GNUC__: 12, __SIZEOF_POINTER__: 8 }))
    const root = packageFolder()
    // The stub writes no object.
    await expect(buildCommand.run(['--quiet'], commandIo({ root, env: process.env }))).rejects.toThrow()
    expect(readdirSync(join(root, 'build/Release'))).toEqual([])
  })
})
