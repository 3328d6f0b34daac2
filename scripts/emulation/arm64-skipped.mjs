import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../stages/command.mjs'

/** The tests that are not run under emulation: `file`, `test` (its full name), `reason`. */
const SKIPPED = JSON.parse(readFileSync(join(root, 'scripts/emulation/arm64-skipped.json'), 'utf8'))

export const SKIPPED_NATIVE = SKIPPED.filter(({ file }) => file.startsWith('native/'))
export const SKIPPED_IN_NODE = SKIPPED.filter(({ file }) => !file.startsWith('native/'))

/** A test that is listed and was renamed would run unnoticed. Throws in that case. */
export function checkSkippedNative() {
  const wrong = SKIPPED_NATIVE.filter(({ file, test }) => {
    const source = readFileSync(join(root, file), 'utf8')
    return !source.includes(`"${test}")`)
  })
  if (wrong.length > 0)
    throw new Error(
      `arm64-skipped.json lists tests that do not exist: ${wrong.map(({ test }) => test).join('; ')}`,
    )
}
