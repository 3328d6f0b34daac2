import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import {
  checkRuntimeDirectory,
  prepareRuntimeDirectory,
  runtimeDirectory,
} from '../../../src/control/runtime-directory.js'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

const uid = process.geteuid?.() ?? 0

function faultOf(call: () => void): ShmwireError {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(ShmwireError)
    return error as ShmwireError
  }
  throw new Error('nothing was thrown')
}

describe('runtimeDirectory', () => {
  it('uses SHMWIRE_DIR first, then XDG_RUNTIME_DIR, then the temporary directory', () => {
    expect(runtimeDirectory({ SHMWIRE_DIR: '/a/', XDG_RUNTIME_DIR: '/b' })).toBe('/a')
    expect(runtimeDirectory({ SHMWIRE_DIR: '', XDG_RUNTIME_DIR: '/b' })).toBe('/b/shmwire')
    expect(runtimeDirectory({})).toBe(join(tmpdir(), `shmwire-${uid}`))
    expect(runtimeDirectory({ XDG_RUNTIME_DIR: 'relative' })).toBe(join(tmpdir(), `shmwire-${uid}`))
  })

  it('rejects a relative temporary directory if it is needed', () => {
    vi.stubEnv('TMPDIR', 'relative')
    expect(faultOf(() => runtimeDirectory({})).code).toBe(ErrorCode.INVALID_ARGUMENT)
    expect(runtimeDirectory({ XDG_RUNTIME_DIR: '/b' })).toBe('/b/shmwire')
  })

  it('rejects a relative SHMWIRE_DIR', () => {
    expect(faultOf(() => runtimeDirectory({ SHMWIRE_DIR: './x' })).code).toBe(ErrorCode.INVALID_ARGUMENT)
  })
})

describe('prepareRuntimeDirectory', () => {
  it('creates a directory for its owner alone, and accepts it again', () => {
    const directory = join(temporaryDirectory(), 'run')
    prepareRuntimeDirectory(directory)
    prepareRuntimeDirectory(directory)
    expect(statSync(directory).mode & 0o777).toBe(0o700)
  })

  it('names the missing parent', () => {
    const directory = join(temporaryDirectory(), 'missing', 'run')
    const error = faultOf(() => prepareRuntimeDirectory(directory))
    expect(error.code).toBe(ErrorCode.INVALID_ARGUMENT)
    expect(error.message).toContain('missing does not exist; create that, or set SHMWIRE_DIR')
  })

  it('reports an error of the system with the cause', () => {
    const error = faultOf(() => prepareRuntimeDirectory('/proc/shmwire'))
    expect([ErrorCode.DENIED, ErrorCode.INVALID_ARGUMENT]).toContain(error.code)
    expect(error.cause).toBeInstanceOf(Error)
  })
})

describe('checkRuntimeDirectory', () => {
  it('accepts a missing directory and creates nothing', () => {
    const directory = join(temporaryDirectory(), 'run')
    checkRuntimeDirectory(directory)
    expect(existsSync(directory)).toBe(false)
  })

  it.each([0o770, 0o702, 0o777])('denies a directory that others may write to: mode %i', (mode) => {
    const directory = join(temporaryDirectory(), 'run')
    mkdirSync(directory)
    chmodSync(directory, mode)
    const error = faultOf(() => checkRuntimeDirectory(directory))
    expect(error.code).toBe(ErrorCode.DENIED)
    expect(error.message).toContain(`mode 0${mode.toString(8)}`)
    expect(error.message).toContain(`chmod 700 ${directory}`)
  })

  it('accepts a directory that others may read', () => {
    const directory = join(temporaryDirectory(), 'run')
    mkdirSync(directory)
    chmodSync(directory, 0o755)
    checkRuntimeDirectory(directory)
  })

  it('denies a symbolic link, even to a valid directory', () => {
    const parent = temporaryDirectory()
    mkdirSync(join(parent, 'good'), { mode: 0o700 })
    symlinkSync(join(parent, 'good'), join(parent, 'link'))
    const error = faultOf(() => prepareRuntimeDirectory(join(parent, 'link')))
    expect(error.code).toBe(ErrorCode.DENIED)
    expect(error.message).toContain('is a symbolic link, not a directory; remove it')
  })

  it('denies a file', () => {
    const file = join(temporaryDirectory(), 'run')
    writeFileSync(file, '')
    expect(faultOf(() => prepareRuntimeDirectory(file)).message).toContain('is a file, not a directory')
  })

  it('denies a directory of another user', () => {
    const directory = join(temporaryDirectory(), 'run')
    mkdirSync(directory, { mode: 0o700 })
    const other = vi.spyOn(process as { geteuid(): number }, 'geteuid').mockReturnValue(uid + 1)
    try {
      const error = faultOf(() => checkRuntimeDirectory(directory))
      expect(error.code).toBe(ErrorCode.DENIED)
      expect(error.message).toContain(`belongs to user ${uid}, not to user ${uid + 1}`)
    } finally {
      other.mockRestore()
    }
  })
})
