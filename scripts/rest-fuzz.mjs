// Sends generated requests to a REST gateway and compares its answers with its OpenAPI document.
//   npm run rest-fuzz                                10,000 requests
//   npm run rest-fuzz -- --count 300 --seed 7        300 requests, the same ones as in the run that printed this seed
// docs/openapi.md states what is compared. The last line is `N passed, N failed`; each operation of the document counts.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { newSeed, numbersFromArguments } from './soak/arguments.mjs'

const FOLDER = fileURLToPath(new URL('../test/support/', import.meta.url))

const { count, seed } = numbersFromArguments({ count: 10_000, seed: newSeed() })
console.log(`${count} requests: --seed ${seed}`)

const bundle = join(FOLDER, `rest-fuzz-${process.pid}.mjs`)
// Beside the descriptors that it reads.
await build({
  entryPoints: [join(FOLDER, 'rest-fuzz/rest-fuzz.ts')],
  outfile: bundle,
  bundle: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
  logLevel: 'error',
})
const { fuzzRest } = await import(bundle).finally(() => rmSync(bundle))
const { requests, operations, statuses, faults } = await fuzzRest(seed, count)
const shown = [...statuses].toSorted(([left], [right]) => left - right)
console.log(
  `${requests} requests; answers: ${shown.map(([status, number]) => `${status}: ${number}`).join(', ')}`,
)
for (const fault of faults) console.error(fault)
console.log(`${operations - faults.length} passed, ${faults.length} failed`)
process.exitCode = faults.length > 0 ? 1 : 0
