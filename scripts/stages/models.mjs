import { runNode } from './command.mjs'

/** Checks the models of the concurrency, and their mutations. */
export async function models(report) {
  const { ok, output } = await runNode('scripts/models.mjs', [])
  const counts = /^(\d+) passed, (\d+) failed/m.exec(output)
  const [passed, failed] = counts === null ? [0, 1] : counts.slice(1).map(Number)
  if (passed + failed > 0)
    report.add('models', { passed, failed: failed === 0 && !ok ? 1 : failed, skipped: 0 }, output)
  for (const [, name, cure] of output.matchAll(/^ {2}skip {2}(.+?): (.+)$/gm)) report.skip(name, cure)
}
