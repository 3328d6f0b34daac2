import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { addonFiles, platformName, runningFile } from '../../../src/native/addon-files.js'
import { findBinding, loadBinding } from '../../../src/native/load-binding.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

const MODULE = 'dist/shmwire-core.js'
const SHIPPED = join('prebuilds', platformName(), 'shmwire.node')

function reasonOf(file: string | undefined, environment: NodeJS.ProcessEnv = {}): string {
  const load = findBinding(file, environment)
  return 'unavailable' in load ? load.unavailable : 'it was loaded'
}

function write(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

/** An installed package whose addon does not load. */
function installIn(root: string): string {
  const folder = join(root, 'node_modules/shmwire')
  write(join(folder, 'package.json'), '{"name":"shmwire"}')
  return write(join(folder, SHIPPED), 'no library')
}

describe('addonFiles', () => {
  it('finds the file of this code', () => {
    expect(runningFile()).toMatch(/[/\\]src[/\\]native[/\\]addon-files\.ts$/)
  })

  it.each([MODULE, 'src/native/addon-files.ts', 'build/modules/native/addon-files.js'])(
    'prefers an addon that was built in the package to the shipped one: %s',
    (file) => {
      expect([...addonFiles(`/p/${file}`, 'linux-x64')]).toEqual([
        { path: join('/p/build/Release/shmwire.node') },
        { path: join('/p/prebuilds/linux-x64/shmwire.node') },
      ])
    },
  )

  it.each([
    ['linux', 'riscv64', 'linux-riscv64'],
    ['darwin', 'arm64', 'darwin-arm64'],
    ['win32', 'x64', 'win32-x64'],
    ['android', 'arm64', 'android-arm64'],
  ])('names the folder of %s on %s', (platform, arch, name) => {
    vi.spyOn(process, 'platform', 'get').mockReturnValue(platform as NodeJS.Platform)
    vi.spyOn(process, 'arch', 'get').mockReturnValue(arch as NodeJS.Architecture)
    expect(platformName().replace('-musl', '')).toBe(name)
    vi.restoreAllMocks()
  })

  it('finds the package in a path of Windows', () => {
    const [first] = addonFiles(String.raw`C:\p\node_modules\shmwire\dist\shmwire-core.js`, 'win32-x64')
    expect(first).toMatchObject({ path: expect.stringMatching(/build.Release.shmwire\.node$/) as string })
  })

  it('takes for a bundle what lies next to it, then the installed package', () => {
    const root = temporaryDirectory()
    const installed = installIn(root)
    expect([...addonFiles(join(root, 'out/bundle.cjs'), platformName())]).toEqual([
      { path: join(root, 'out/shmwire.node') },
      { path: join(root, 'out', SHIPPED) },
      { path: join(root, 'node_modules/shmwire/build/Release/shmwire.node') },
      { path: installed },
    ])
  })

  it('never leaves the folder of a bundle for a folder build/ or prebuilds/ above it', () => {
    for (const file of [
      '/p/dist/bundle.js',
      '/p/dist/my-shmwire-core.js',
      '/p/out/shmwire-core.js',
      '/p/dist/native/addon-files.js',
    ]) {
      const paths = [...addonFiles(file, 'linux-x64')].flatMap((place) => ('path' in place ? place.path : []))
      expect(paths).toEqual([
        join(dirname(file), 'shmwire.node'),
        join(dirname(file), 'prebuilds/linux-x64/shmwire.node'),
      ])
    }
  })
})

describe('findBinding', () => {
  it('lists the files of the package when none exists', () => {
    const root = temporaryDirectory()
    expect(reasonOf(join(root, MODULE))).toBe(
      `no native addon for ${platformName()} could be loaded: ` +
        `${join(root, 'build/Release/shmwire.node')} does not exist; ${join(root, SHIPPED)} does not exist; ` +
        `'npx shmwire build' compiles it with a C++ compiler`,
    )
  })

  it('keeps the reason when the path is long', () => {
    const root = join(temporaryDirectory(), `shmwire@0.1.0_${'x'.repeat(200)}`)
    const reason = reasonOf(join(root, MODULE))
    expect(reason).toContain(`${join('x', 'build/Release/shmwire.node')} does not exist; `)
    expect(reason).toContain(`${SHIPPED} does not exist; `)
  })

  it('lists every place of a bundle, with the reason of each', () => {
    const root = temporaryDirectory()
    const broken = write(join(root, 'shmwire.node'), 'no library')
    const reason = reasonOf(join(root, 'bundle.cjs'))
    expect(reason).toContain(`${broken} does not load: `)
    expect(reason).toContain(`${join(root, SHIPPED)} does not exist`)
    expect(reason).toContain(`no package is installed for ${join(root, 'bundle.cjs')}: Cannot find module`)
    expect(reason).not.toContain('\n')
    expect(reason).not.toContain('npx')
  })

  it('takes the addon that was built in the package before the prebuilt one', () => {
    const root = temporaryDirectory()
    const built = write(join(root, 'build/Release/shmwire.node'), 'no library')
    const shipped = write(join(root, SHIPPED), 'no library')
    const reason = reasonOf(join(root, MODULE))
    expect(reason.indexOf(built)).toBeGreaterThan(0)
    expect(reason.indexOf(shipped)).toBeGreaterThan(reason.indexOf(built))
  })

  it('limits the reason, and escapes the characters of its paths', () => {
    const folder = `/${'long\n'.repeat(800)}`
    const reason = reasonOf(`${folder}/bundle.cjs`)
    expect(reason).not.toContain('\n')
    expect(reason.length).toBeLessThan(1_000)
  })

  it('reports that the file of the code is unknown', () => {
    expect(reasonOf(undefined)).toContain('the path of this code is unknown')
  })

  it('loads the file of SHMWIRE_ADDON only', () => {
    const root = temporaryDirectory()
    installIn(root)
    const bundle = join(root, 'bundle.cjs')
    const chosen = write(join(root, 'chosen.node'), 'no library')
    const reason = reasonOf(bundle, { SHMWIRE_ADDON: chosen })
    expect(reason).toContain(`the native addon of SHMWIRE_ADDON cannot be used: ${chosen} does not load: `)
    expect(reason).not.toContain('node_modules')
    expect(reasonOf(bundle, { SHMWIRE_ADDON: 'chosen.node' })).toContain(
      'chosen.node is not the absolute path of a .node file',
    )
    expect(reasonOf(bundle, { SHMWIRE_ADDON: '/chosen.so' })).toContain('/chosen.so is not the absolute path')
    expect(reasonOf(bundle, { SHMWIRE_ADDON: '' })).toContain('node_modules')
  })

  it('obeys SHMWIRE_NO_ADDON=1', () => {
    const module = join(temporaryDirectory(), MODULE)
    expect(reasonOf(module, { SHMWIRE_NO_ADDON: '1' })).toContain('SHMWIRE_NO_ADDON=1')
    expect(reasonOf(module, { SHMWIRE_NO_ADDON: '0' })).toContain('no native addon for')
  })
})

describe('loadBinding', () => {
  it('never throws, and returns the same result every time', () => {
    expect(loadBinding()).toBe(loadBinding())
  })
})
