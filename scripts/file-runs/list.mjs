import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../stages/command.mjs'

/** A project of its own in this folder of another one. */
const GATEWAY = 'test/unit/gateway/'

/** The test files of a project whose path contains one of the filters, as paths from the root with slashes. All of them without a filter. */
export function testFiles(project, filters) {
  return readdirSync(join(root, 'test', project), { recursive: true })
    .map((name) => `test/${project}/${name.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.test.ts') && !file.startsWith(GATEWAY))
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .toSorted((left, right) => left.localeCompare(right))
}
