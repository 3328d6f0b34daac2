// Writes the tables of docs/choosing.md from the data of the command `shmwire choose`, and checks the figures of these data.
//   node scripts/write-choosing.mjs [--check]      --check fails if the document or a figure is outdated, and writes nothing
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readRuns } from '../bench/support/runs.mjs'
import { showHeadline } from '../bench/support/units.mjs'
import { advise } from '../build/modules/cli/choose/advise.js'
import { FIGURES } from '../build/modules/cli/choose/figures.js'
import { PATTERNS, REQUIREMENTS } from '../build/modules/cli/choose/patterns.js'
import { answerNames, answerText, QUESTION_NAMES, QUESTIONS } from '../build/modules/cli/choose/questions.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const DOCUMENT = 'docs/choosing.md'

const ON_THIS_MACHINE = ['channel', 'service', 'topic', 'cell', 'queue']
const BEYOND = ['storedQueue', 'jetStream', 'grpc', 'rest']

/** The first answer to each question. */
const SIMPLEST = Object.fromEntries(QUESTION_NAMES.map((name) => [name, answerNames(name)[0]]))

/** Typical uses of REST, gRPC, message queues and shared memory, with their answers where they differ from the simplest ones. */
const USES = [
  ['public APIs, web frontends', { language: 'web' }],
  ['third-party integrations, mobile backends', { machines: 'several', language: 'web' }],
  ['microservices communication', { machines: 'several', language: 'polyglot' }],
  ['polyglot systems on one machine', { language: 'polyglot' }],
  ['real-time streaming', { receivers: 'subscribers', rate: 'high' }],
  ['event sourcing', { receivers: 'subscribers', durability: 'crash' }],
  ['background processing', { receivers: 'worker', durability: 'crash' }],
  ['load distribution', { receivers: 'worker' }],
  ['system decoupling', { machines: 'several', receivers: 'worker', durability: 'machine' }],
  ['high-performance computing, large frames', { receivers: 'peer', rate: 'frames' }],
  ['low-latency requirements', { receivers: 'peer', rate: 'extreme' }],
  ['state of a system, a configuration', { receivers: 'readers' }],
]

const BLOCKS = {
  questions: questions(),
  matrix: `${matrix(ON_THIS_MACHINE)}\n\n${matrix(BEYOND)}`,
  figures: figures(),
  patterns: patterns(),
  links: links(),
  uses: uses(),
}

function table(head, rows) {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function questions() {
  const rows = QUESTION_NAMES.flatMap((name) =>
    answerNames(name).map((answer, index) => [
      index === 0 ? QUESTIONS[name].question : '',
      `\`--${name} ${answer}\``,
      answerText(name, answer),
    ]),
  )
  return table(['question', 'option', 'answer'], rows)
}

function matrix(names) {
  const head = ['Requirement', ...names.map((name) => linkTo(PATTERNS[name]))]
  const rows = Object.entries(REQUIREMENTS).map(([key, title]) => [
    title,
    ...names.map((name) => PATTERNS[name][key]),
  ])
  return table(head, rows)
}

function figures() {
  return Object.values(PATTERNS)
    .map((pattern) => `- ${linkTo(pattern)}: ${pattern.figure}.`)
    .join('\n')
}

function patterns() {
  const durabilities = answerNames('durability')
  const rows = answerNames('receivers').map((receivers) => [
    answerText('receivers', receivers),
    ...durabilities.map((durability) => advise({ ...SIMPLEST, receivers, durability }).pattern.title),
  ])
  return table(['', ...durabilities.map((name) => answerText('durability', name))], rows)
}

function links() {
  const rows = answerNames('machines').flatMap((machines) =>
    answerNames('language').map((language) => {
      const { link, gateway } = advise({ ...SIMPLEST, machines, language })
      return [
        answerText('machines', machines),
        answerText('language', language),
        linkTo(link),
        gateway === undefined ? 'none' : linkTo(gateway),
      ]
    }),
  )
  return table(['machines', 'languages', 'link', 'gateway'], rows)
}

function uses() {
  const rows = USES.map(([use, answers]) => {
    const { pattern, link, gateway } = advise({ ...SIMPLEST, ...answers })
    return [use, linkTo(pattern), linkTo(link), gateway === undefined ? 'none' : linkTo(gateway)]
  })
  return table(['use', 'pattern', 'link', 'gateway'], rows)
}

function linkTo({ title, document }) {
  return `[${title}](${basename(document)})`
}

/** The figures that differ from bench/results, or are not in their document. */
function outdatedFigures() {
  const read = (file) => readFileSync(join(root, file), 'utf8')
  // The run with the most scenarios comes first.
  const tables = readRuns(join(root, 'bench/results')).flatMap(({ scenarios }) => scenarios)
  return Object.entries(FIGURES).flatMap(([name, { text, source }]) => {
    if ('document' in source)
      return read(source.document).includes(text)
        ? []
        : [`${name}: ${source.document} does not have '${text}'`]
    const scenario = tables.find((one) => one.name === source.scenario)
    const { headline } = scenario.competitors.find((one) => one.name === source.competitor)
    const shown = showHeadline(scenario.headline, headline)
    return shown === text ? [] : [`${name}: '${text}' is '${shown}' in bench/results`]
  })
}

/** The document with the blocks as they must be. */
function written(document) {
  let text = document
  for (const [name, block] of Object.entries(BLOCKS)) {
    const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`]
    const start = text.indexOf(begin)
    const stop = text.indexOf(end)
    if (start === -1 || stop < start) throw new Error(`${DOCUMENT} has no ${begin} … ${end}`)
    text = `${text.slice(0, start + begin.length)}\n\n${block}\n\n${text.slice(stop)}`
  }
  return text
}

const faults = outdatedFigures().map((fault) => `${fault}; change src/cli/choose/figures.ts`)
const file = join(root, DOCUMENT)
const document = readFileSync(file, 'utf8')
const expected = written(document)
if (process.argv.includes('--check')) {
  if (expected !== document) faults.push(`${DOCUMENT} is outdated; run: node scripts/write-choosing.mjs`)
} else {
  writeFileSync(file, expected)
}
for (const fault of faults) console.error(fault)
if (faults.length > 0) process.exitCode = 1
