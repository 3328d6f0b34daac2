import { reasonFor } from '../reasons.mjs'
import { showDuration } from './duration.mjs'
import { showLoad, showMachine } from './machine.mjs'
import { tableCells } from './report.mjs'
import { labelOf, otherMachines, otherNodes } from './runs.mjs'
import { digits, showHeadline } from './units.mjs'
import { NOT_MET, showBound, showFound, showVerdict } from './verdicts.mjs'

/** The questions that a reader compares first. */
const OVERVIEW = [
  ['round-trip', 'round trip'],
  ['round-trip-asleep', 'both asleep'],
  ['one-way/64B', '64 B one way'],
  ['one-way/1KiB', '1 KiB'],
  ['one-way/1MiB', '1 MiB'],
  ['one-way/16MiB', '16 MiB'],
  ['objects', 'objects'],
]
/** The reference of all ratios. */
const SOCKET = 'unix-socket-plain'

const COLUMNS_MAX = 100

export const CHARTED = ['round-trip', 'round-trip-asleep', 'one-way/64B', 'one-way/1MiB', 'objects']

export function placeOf({ machine, date, commit }) {
  return `${showMachine(machine)}; ${date.slice(0, 10)}, commit ${commit}`
}

/** For the README: one figure with its condition, and the condition under which it is much smaller. */
export function figure(results, others = []) {
  const pair = (run, scenario, ours) =>
    `${medianOf(run, scenario, ours)} against ${medianOf(run, scenario, SOCKET)}`
  const elsewhere = otherMachines(results, others)
    .filter(({ scenarios }) => scenarios.some(({ name }) => name === 'round-trip'))
    .map((run) => `On ${labelOf(run)}, the first figure is ${pair(run, 'round-trip', 'shmwire')}.`)
  return [
    `A 64-byte round trip between the event loops of two processes takes ${pair(results, 'round-trip', 'shmwire')}`,
    `over a Unix socket with \`node:net\`. Each process has its own core. On one shared core, the round`,
    `trip takes ${pair(results, 'round-trip-pinned', 'shmwire')}. When both processes sleep before each message, it takes`,
    `${pair(results, 'round-trip-asleep', 'shmwire-sleep')} ([medians; all figures](docs/benchmarks.md)).`,
    ...elsewhere,
  ].join('\n')
}

function medianOf({ scenarios }, scenario, competitor) {
  const table = scenarios.find(({ name }) => name === scenario)
  const found = table?.competitors.find(({ name }) => name === competitor)?.headline
  return found === undefined ? 'not measured' : showHeadline(table.headline, found)
}

/** All competitors over the main questions. */
function overview(results) {
  const tables = OVERVIEW.map(([name, label]) => ({
    label,
    table: results.scenarios.find((one) => one.name === name),
  }))
  const present = tables.filter(({ table }) => table !== undefined)
  const titles = new Map(
    present.flatMap(({ table }) => table.competitors.map(({ name, title }) => [name, titleOf(title)])),
  )
  const sorted = [...titles].toSorted(([a], [b]) => placeIn(a) - placeIn(b))
  const rows = sorted.map(([name, title]) => [title, ...present.map(({ table }) => cellOf(table, name))])
  const filled = rows.filter((row) => row.slice(1).some((cell) => /\d/.test(cell)))
  return markdownTable(['', ...present.map(({ label }) => label)], filled)
}

/**
 * docs/benchmarks.md.
 * @param {object[]} others runs on other machines, of other scenarios, or of some with another Node
 */
export function wholeReport(results, others) {
  const machines = [results, ...otherMachines(results, others)]
  const isOne = machines.length === 1
  const nodes = otherNodes(results, others)
  return `${[
    '# Benchmarks',
    'Written by `node scripts/figures.mjs` from `bench/results/`, which `npm run bench` writes. Do not edit.',
    '[performance.md](performance.md) explains the figures.',
    [...machines.map((run) => originOf(run, isOne)), ...nodes.map(originOfNode)].join('\n'),
    'Each row uses two processes, and each repetition starts new ones. The competitors take turns. All figures are medians of ' +
      `${repetitionsOf([results, ...others])}. The ratio compares with "net, a write per message": \`node:net\` on a Unix socket as ` +
      'its documentation shows it, with a length before each message, unless the section names another row. Above 1 is better. "CPU s/M": seconds of CPU time of ' +
      'both processes for a million messages; of topics, queues and gateways, of all processes that take part. "noisy": the middle half ' +
      'of the repetitions spans more than a quarter of the median. "on one core": the scheduler had both processes on one core at the end of a repetition.',
    'Every measured message is counted, and its length and its number, at both of its ends, are checked. The fan-out ' +
      'checks only the number at the head, and the objects are checked in all fields. Before each measurement, messages of random ' +
      'bytes are sent, and every byte is checked. The rows in C++ check counts and numbers. Topics and queues count what arrives.',
    '"read in place": sent with plain calls; the listener reads messages in the ring (`views`). "zero copy": also created ' +
      'in the ring (`claim`). Both have a ring of at least sixteen messages. The sender writes only a number and a time into a measured message, ' +
      'and the receiver reads only these, with every competitor. So the row "zero copy" shows the cost of a transfer; ' +
      'most of its bytes per second were never written or read.',
    '![The main figures](benchmarks.svg)',
    '## Overview',
    'A dash: not measured; the section of the question gives the reason. `~`: noisy.',
    ...machines
      .filter(({ scenarios }) => scenarios.some(({ name }) => name === OVERVIEW[0][0]))
      .flatMap((run) => [...(isOne ? [] : [`${labelOf(run)}:`]), overview(run)]),
    '## Targets',
    targetsTable(machines),
    ...nodes.flatMap((run) => targetsOfNode(run)),
    '### Unmet targets',
    unmetTargets([...machines, ...nodes]),
    '## Where shmwire loses',
    losses(machines),
    ...scenariosOf(machines).map((name) => section(name, machines)),
    ...nodes.flatMap((run) =>
      run.scenarios.map((table) =>
        sectionOf(table, `${table.title}, Node ${run.machine.node}`, table.question),
      ),
    ),
  ].join('\n\n')}\n`
}

/** Wraps the prose of a document. Tables, headings and images stay as they are. */
export function wrapProse(text) {
  return text.split('\n').map(wrapLine).join('\n')
}

function wrapLine(line) {
  if (/^[|#!]/.test(line)) return line
  const separator = line.startsWith('- ') ? '\n  ' : '\n'
  const lines = []
  for (const word of line.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= COLUMNS_MAX - separator.length + 1)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines.join(separator)
}

/** A run and its machine, as an item of a list. */
function originOf(run, isOne) {
  const scenarios = run.scenarios.map(({ title }) => title)
  const part = scenarios.length > 5 ? '' : ` (${scenarios.join('; ')})`
  const duration = run.seconds === undefined ? '' : ` The run took ${showDuration(run.seconds)}.`
  return `- ${isOne ? '' : `${labelOf(run)}: `}${placeOf(run)}. ${showLoad(run.machine)}${duration}${part}`
}

function originOfNode({ machine, date, commit }) {
  return `- Rows that name Node ${machine.node}: ${machine.cpu}; ${date.slice(0, 10)}, commit ${commit}. ${showLoad(machine)}`
}

/** The names of all scenarios, in the order of the first machine that has them. */
function scenariosOf(machines) {
  return [...new Set(machines.flatMap(({ scenarios }) => scenarios.map(({ name }) => name)))]
}

/** A question. With several machines, their headlines side by side, and then the other figures of each. */
function section(name, machines) {
  const tables = machines
    .map((run) => ({ run, table: run.scenarios.find((one) => one.name === name) }))
    .filter(({ table }) => table !== undefined)
  const [{ run, table }] = tables
  if (tables.length === 1) {
    const place = machines.length === 1 ? '' : `Measured on ${labelOf(run)}. `
    return sectionOf(table, table.title, `${place}${table.question}`)
  }
  const first = remarksOn(table)
  return [
    `## ${table.title}`,
    table.question,
    sideBySide(tables),
    ...tables.flatMap((one) => [
      `${labelOf(one.run)}:`,
      ...figuresOf(one.table),
      ...remarksOn(one.table).filter((remark) => one.table === table || !first.includes(remark)),
    ]),
  ].join('\n\n')
}

function sectionOf(table, title, question) {
  return [`## ${title}`, question, ...figuresOf(table), ...remarksOn(table)].join('\n\n')
}

function figuresOf(table) {
  const { head, rows } = tableCells(table)
  return rows.length > 0 ? [markdownTable(head, rows)] : []
}

function remarksOn(table) {
  const { rows, remarks } = tableCells(table)
  const parts = []
  if (table.latency !== undefined && rows.length > 0) parts.push(`Latency: ${table.latency}.`)
  if (remarks.length > 0) {
    parts.push(`Not in the table:\n\n${remarks.map(([who, why]) => `- ${who}: ${why}`).join('\n')}`)
  }
  return parts
}

/** The headline of each competitor on each machine, in the order of the first one. */
function sideBySide(tables) {
  const titles = new Map(
    tables.flatMap(({ table }) => sortedCompetitors(table).map(({ name, title }) => [name, titleOf(title)])),
  )
  const rows = [...titles].map(([name, title]) => [title, ...tables.map(({ table }) => cellOf(table, name))])
  return markdownTable(
    ['', ...tables.map(({ run, table }) => `${labelOf(run)}: ${table.headline.name}`)],
    rows,
  )
}

/** The measured ones, best first. */
function sortedCompetitors({ headline, competitors }) {
  const isMore = headline.unit === 'per second'
  return competitors
    .filter((one) => one.headline !== undefined)
    .toSorted((a, b) => (isMore ? b.headline - a.headline : a.headline - b.headline))
}

/** Every question in which a competitor, or our own fallback, is better than shared memory with default options. */
function losses(machines) {
  const lines = machines.flatMap((run) =>
    run.scenarios.flatMap((table) => lossIn(table, machines.length === 1 ? '' : `${labelOf(run)}, `)),
  )
  return lines.length > 0 ? lines.join('\n') : 'In none of the scenarios below.'
}

function lossIn(table, place) {
  const { title, headline } = table
  const sorted = sortedCompetitors(table).filter(({ transport }) => transport !== 'native')
  const isVariant = ({ name }) => name.startsWith('shmwire-') && name !== 'shmwire-socket'
  const isDefault = ({ name }) => name === 'shmwire' || name === 'shmwire-service'
  const ours = sorted.find(isDefault) ?? sorted.find(isVariant)
  const better = sorted.slice(0, sorted.indexOf(ours)).filter((one) => !isVariant(one))
  if (ours === undefined || better.length === 0) return []
  const list = (rows) => rows.map((one) => `${one.title} ${showHeadline(headline, one.headline)}`).join(', ')
  const variants = sorted.filter((one) => one !== ours && isVariant(one))
  const others = variants.length > 0 ? `; also measured: ${list(variants)}` : ''
  return [
    `- ${place}${title}: ${headline.name} ${showHeadline(headline, ours.headline)} with ${ours.title}; better: ${list(better)}${others}.`,
  ]
}

/** The targets that apply only to another Node. */
function targetsOfNode(run) {
  const own = run.verdicts.filter(({ nodeMin }) => nodeMin !== undefined)
  return own.length === 0 ? [] : [`Node ${run.machine.node}:`, targetsTable([{ ...run, verdicts: own }])]
}

/** Each target that a run did not meet or not measure, with the reason. */
function unmetTargets(runs) {
  const lines = runs.flatMap((run) =>
    run.verdicts
      .filter(({ verdict }) => verdict === NOT_MET)
      .map((verdict) => {
        const place = runs.length === 1 ? '' : `, ${labelOf(run)}`
        const figures = `${showFound(verdict)} instead of ${showBound(verdict, verdict.atLeast ?? verdict.atMost)}`
        return `- ${verdict.what}${place}: ${figures}. ${reasonFor(verdict.id)}`
      }),
  )
  return lines.length > 0 ? lines.join('\n') : 'None.'
}

/** "3 repetitions", or "3 to 5 repetitions". */
function repetitionsOf(runs) {
  const counts = runs
    .flatMap(({ scenarios }) => scenarios)
    .flatMap(({ competitors }) => competitors)
    .flatMap(({ repetitions }) => (repetitions === undefined ? [] : [repetitions.length]))
  const [least, most] = [Math.min(...counts), Math.max(...counts)]
  return least === most ? `${most} repetitions` : `${least} to ${most} repetitions`
}

/** The targets of all machines, those of each in two columns. */
function targetsTable(machines) {
  const all = new Map(machines.flatMap(({ verdicts }) => verdicts.map((verdict) => [verdict.what, verdict])))
  const rows = [...all.values()].map((target) => [
    target.what,
    showBound(target, target.atLeast ?? target.atMost),
    showBound(target, target.aim),
    ...machines.flatMap(({ verdicts }) => {
      const verdict = verdicts.find(({ what }) => what === target.what)
      return verdict === undefined ? ['–', ''] : [foundIn(verdict), showVerdict(verdict)]
    }),
  ])
  const measured = machines.flatMap((run) => [machines.length === 1 ? 'measured' : labelOf(run), ''])
  return markdownTable(['target', 'expected', 'aim', ...measured], rows)
}

function foundIn(verdict) {
  return verdict.value === undefined ? '–' : showFound(verdict)
}

function cellOf({ headline, competitors }, name) {
  const one = competitors.find((competitor) => competitor.name === name)
  if (one?.headline === undefined) return '–'
  const ratio = one.ratio === undefined || one.ratio === 1 ? '' : ` (${digits(one.ratio)} ×)`
  return `${showHeadline(headline, one.headline)}${ratio}${one.noisy ? ' ~' : ''}`
}

/** shmwire, then the others, then the bounds. */
function placeIn(name) {
  if (name.startsWith('shmwire')) return 0
  return name.startsWith('native') ? 2 : 1
}

/** One row for all questions has no room for the format of the values. */
function titleOf(title) {
  return title.replace(/, JSON text$/, '')
}

function markdownTable(head, rows) {
  const marks = head.map((_, index) => (index === 0 || head[index] === '' ? '---' : '---:'))
  return [head, marks, ...rows].map((cells) => `| ${cells.map(escapeCell).join(' | ')} |`).join('\n')
}

function escapeCell(text) {
  return text.replaceAll('|', '\\|')
}
