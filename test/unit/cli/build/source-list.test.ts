import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { addonUnits, readSourceList } from '../../../../src/cli/build/source-list.js'

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url))
const list = readSourceList(ROOT)

function flagsOf(platform: string, source: string): readonly string[] {
  const unit = addonUnits(list, platform, ['-g0']).find((candidate) => candidate.source === source)
  if (unit === undefined) throw new Error(`${source} is not built for ${platform}`)
  return unit.flags
}

describe('addonUnits', () => {
  it.each(Object.keys(list.platform))('lists existing sources for %s, and flags of its linker', (platform) => {
    for (const { source } of addonUnits(list, platform, [])) expect(existsSync(join(ROOT, source))).toBe(true)
    expect(list.flags.link[platform]).not.toHaveLength(0)
  })

  it('leaves out the flags that a platform does not have, and adds its own', () => {
    expect(flagsOf('linux', 'native/core/endpoint.cc')).toContain('-fPIC')
    expect(flagsOf('win32', 'native/core/endpoint.cc')).not.toContain('-fPIC')
    expect(flagsOf('win32', 'native/core/endpoint.cc')).toContain('-DWIN32_LEAN_AND_MEAN')
  })

  it('optimizes the core more than the addon, and adds the flags of the caller', () => {
    expect(flagsOf('linux', 'native/core/endpoint.cc')).toEqual(expect.arrayContaining(['-O3', '-g0']))
    expect(flagsOf('linux', 'native/addon/addon.cc')).toEqual(expect.arrayContaining(['-O2', '-g0']))
  })
})
