// Checks that a tag can be released: v<the version of package.json>, with an entry in CHANGELOG.md.
//   node scripts/check-release.mjs v1.2.3
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const [tag = ''] = process.argv.slice(2)
const read = (file) => readFileSync(fileURLToPath(new URL(`../${file}`, import.meta.url)), 'utf8')
const { version } = JSON.parse(read('package.json'))
const headings = read('CHANGELOG.md').match(/^## .+$/gm) ?? []

const faults = []
if (tag !== `v${version}`) faults.push(`the tag is '${tag}', but package.json has the version ${version}`)
if (!headings.some((heading) => heading.startsWith(`## [${version}] - `)))
  faults.push(`CHANGELOG.md has no heading '## [${version}] - <date>'; the first one is '${headings[0]}'`)
for (const fault of faults) console.error(`check-release: ${fault}`)
process.exitCode = faults.length > 0 ? 1 : 0
