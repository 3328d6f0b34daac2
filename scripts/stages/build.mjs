import { runNode } from './command.mjs'

/** Builds dist/, build/modules/ and the addon. */
export async function build(report) {
  report.check('scripts/build.mjs', await runNode('scripts/build.mjs', []))
}
