import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../support/documents.js'

const BUF = join(ROOT, 'node_modules/.bin/buf')
const CLEAN = { status: 0, stdout: '', stderr: '' }

describe('the published .proto files', () => {
  it('follow the rules of buf', () => {
    expect(buf('lint')).toEqual(CLEAN)
  })

  it('are compatible with their first version', () => {
    expect(buf('breaking', '--against', 'test/support/proto/shmwire-v1.binpb')).toEqual(CLEAN)
  })
})

function buf(...parameters: readonly string[]): typeof CLEAN {
  const { status, stdout, stderr } = spawnSync(BUF, parameters, { cwd: ROOT, encoding: 'utf8' })
  return { status: status ?? -1, stdout, stderr }
}
