import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { findBinding, loadBinding } from '../../../src/native/load-binding.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

function reasonOf(root: string, environment: NodeJS.ProcessEnv = {}): string {
  const load = findBinding(`${root}/`, environment)
  return 'unavailable' in load ? load.unavailable : 'it was loaded'
}

describe('findBinding', () => {
  it('lists the paths that it checked when there is no addon', () => {
    const reason = reasonOf(temporaryDirectory())
    expect(reason).toContain(`there is no native addon for ${process.platform}-${process.arch}`)
    expect(reason).toMatch(/neither build\/Release\/shmwire.node nor prebuilds\/\S+\/shmwire.node exists/)
  })

  it('reports in one line why a file does not load', () => {
    const root = temporaryDirectory()
    mkdirSync(join(root, 'build', 'Release'), { recursive: true })
    writeFileSync(join(root, 'build', 'Release', 'shmwire.node'), 'no library')
    const reason = reasonOf(root)
    expect(reason).toContain('the native addon cannot be used: build/Release/shmwire.node does not load: ')
    expect(reason).not.toContain('\n')
  })

  it('obeys SHMWIRE_NO_ADDON=1', () => {
    expect(reasonOf(temporaryDirectory(), { SHMWIRE_NO_ADDON: '1' })).toContain('SHMWIRE_NO_ADDON=1')
    expect(reasonOf(temporaryDirectory(), { SHMWIRE_NO_ADDON: '0' })).toContain('there is no native addon')
  })
})

describe('loadBinding', () => {
  it('never throws, and returns the same result every time', () => {
    expect(loadBinding()).toBe(loadBinding())
  })
})
