import { execFile } from 'node:child_process'
import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { loadBinding } from '../../src/native/load-binding.js'
import { ROOT } from '../support/documents.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const isWindows = process.platform === 'win32'
if (!isWindows)
  console.log('skipped: programs with another name than node.exe, which only Windows binds addons to')

const LOAD = `
  const addon = require(process.argv[1])
  console.log(typeof addon.Endpoint, new addon.Doorbell().transfer() > 0)
`

describe.skipIf(!isWindows)('a program with another name than node.exe', () => {
  it('loads the addon', async () => {
    expect(loadBinding()).toHaveProperty('binding')
    const program = join(temporaryDirectory(), 'electron.exe')
    copyFileSync(process.execPath, program)
    const built = ['build/Release/shmwire.node', 'prebuilds/win32-x64/shmwire.node']
    const addon = built.map((file) => join(ROOT, file)).find(existsSync) ?? ''
    const { stdout } = await promisify(execFile)(program, ['-e', LOAD, addon])
    expect(stdout.trim()).toBe('function true')
  })
})
