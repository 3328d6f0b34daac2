import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from '../stages/command.mjs'

const DOCUMENT = 'docs/memory-model.md'
const BEGIN = '<!-- models:begin -->'
const END = '<!-- models:end -->'

/** The version of the installed program; undefined if there is none. */
export async function spinVersion() {
  const { ok, output } = await run('spin', ['-V'])
  return ok ? /Version ([\d.]+)/.exec(output)?.[1] : undefined
}

export function writeTable(results, version) {
  writeFileSync(join(root, DOCUMENT), filled(results, version))
}

/** Another version of Spin may find another of several shortest counter-examples, so only the same version is compared. */
export function checkTable(report, results, version) {
  const name = `${DOCUMENT} matches the models`
  const found = readFileSync(join(root, DOCUMENT), 'utf8')
  const written = /made with Spin ([\d.]+)/.exec(found)?.[1]
  if (written !== undefined && written !== version)
    return report.skip(name, `the table is from Spin ${written}, and this is Spin ${version}`)
  const isSame = found === filled(results, version)
  report.check(name, { ok: isSame, output: 'run: npm run models -- --write' })
}

function filled(results, version) {
  const text = readFileSync(join(root, DOCUMENT), 'utf8')
  const [before, rest] = text.split(`${BEGIN}\n`)
  const after = rest?.split(END)[1]
  if (after === undefined) throw new Error(`${DOCUMENT} lacks ${BEGIN} or ${END}`)
  return `${before}${BEGIN}\n\n${content(results, version)}\n\n${END}${after}`
}

function content(results, version) {
  const of = (kind) => results.filter((result) => result.kind === kind)
  const models = [...new Set(results.map(({ model }) => model))]
  return [
    `This part is made with Spin ${version} by \`npm run models -- --write\`.`,
    '### What holds',
    table(
      ['model', 'what is searched', 'states', 'depth'],
      of('RUN').map(({ model, what, states, depth }) => [model, what, states, depth]),
    ),
    '### What would hold with less',
    table(
      ['model', 'change', 'states'],
      of('ALLOWED').map(({ model, what, states }) => [model, what, states]),
    ),
    '### What is caught',
    'Mutation, and the shortest way to the error. `memory has` is the moment at which a waiting store becomes visible.',
    ...models.flatMap((model) => [
      `**${model}**`,
      table(
        ['mutation', 'counter-example'],
        of('MUTATION')
          .filter((result) => result.model === model)
          .map(({ what, steps }) => [what, sentence(steps)]),
      ),
    ]),
  ].join('\n\n')
}

function table(head, rows) {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** Joins consecutive steps of one process into one clause. */
function sentence(steps) {
  const clauses = []
  for (const step of steps) {
    const [, who, what] = /^([a-z_ ]+): (.*)$/.exec(step)
    const last = clauses.at(-1)
    if (last?.who === who) last.whats.push(what)
    else clauses.push({ who, whats: [what] })
  }
  return clauses.map(({ who, whats }) => `_${who}_ ${whats.join(', ')}`).join('; ')
}
