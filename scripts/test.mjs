// Runs the stages of `npm test`, each of them even if an earlier one failed. The last line is `N passed, N failed`.
//   npm test                          everything
//   npm test -- --only vitest,check   these stages, after the build
import { addons } from './stages/addons.mjs'
import { arm64 } from './stages/arm64.mjs'
import { asan } from './stages/asan.mjs'
import { build } from './stages/build.mjs'
import { check } from './stages/check.mjs'
import { fuzz } from './stages/fuzz.mjs'
import { models } from './stages/models.mjs'
import { musl } from './stages/musl.mjs'
import { native } from './stages/native.mjs'
import { packageStage } from './stages/package.mjs'
import { Report } from './stages/report.mjs'
import { vitest } from './stages/vitest.mjs'

const STAGES = new Map([
  ['build', build],
  ['check', check],
  ['models', models],
  ['native', native],
  ['addons', addons],
  ['vitest', vitest],
  ['asan', asan],
  ['fuzz', fuzz],
  ['arm64', arm64],
  ['musl', musl],
  ['package', packageStage],
])

const report = new Report()
for (const name of chosenStages(process.argv.slice(2))) {
  const startMs = performance.now()
  console.log(`\n${name}`)
  try {
    await STAGES.get(name)(report)
  } catch (error) {
    report.fail(name, error.stack)
  }
  console.log(`  ${((performance.now() - startMs) / 1000).toFixed(1)} s`)
}
report.close()
process.exitCode = report.failed > 0 ? 1 : 0

function chosenStages(args) {
  if (args.length === 0) return [...STAGES.keys()]
  const names = args[0] === '--only' && args.length === 2 ? args[1].split(',') : []
  if (names.length === 0 || !names.every((name) => STAGES.has(name))) {
    console.error(`usage: npm test -- [--only <stage>,…]   stages: ${[...STAGES.keys()].join(', ')}`)
    process.exit(2)
  }
  return [...STAGES.keys()].filter((name) => name === 'build' || names.includes(name))
}
