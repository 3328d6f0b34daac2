import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT, readDocument } from '../support/documents.js'
import { NOT_ON_WINDOWS } from '../support/not-on-windows.js'

describe('the list of tests that do not run on Windows', () => {
  it('has existing files, each of them once', () => {
    const files = NOT_ON_WINDOWS.flatMap((group) => group.files)
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
    expect(new Set(files).size).toBe(files.length)
  })

  it.each(NOT_ON_WINDOWS)('is the one of docs/windows.md: $reason', ({ reason, files }) => {
    const lines = readDocument('docs/windows.md').split('\n')
    const at = lines.indexOf(`${reason[0]?.toUpperCase()}${reason.slice(1)}:`)
    expect(at).toBeGreaterThan(0)
    const listed = lines.slice(at + 2, at + 2 + files.length)
    expect(listed).toEqual(files.map((file) => `- \`${file}\``))
  })
})
