// The report of a run as sections: `{ title, text }`, `{ title, head, rows }` or `{ title, lines }`. report-forms.mjs prints them.
import { Histogram } from '../../test/process/children/load/histogram.mjs'
import { timeOf } from './day.mjs'

const MIB = 1024 ** 2
const BAR_LENGTH = 40
const SHARES = [0.5, 0.9, 0.99, 0.999]
const SHAPE_FROM_MS = 0.064
const SHAPE_LENGTH = 18
const HEIGHTS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
const FULL = '█'
const PARTS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

export function sectionsOf({ minutes, seed, machine, run, verdict, outcomes }) {
  const sources = merged(outcomes)
  return [
    { title: 'Run', head: ['', ''], rows: describeRun({ minutes, seed, machine, run, verdict }) },
    { title: 'Checks', head: ['', 'check'], rows: verdict.checks.flatMap(checkRows) },
    {
      title: 'Timeline',
      head: ['time', 'event'],
      rows: run.events.timeline.toSorted(byTime).map(({ time, text }) => [time, text]),
    },
    { title: 'The day', head: ['hour', 'load', 'REST/s', 'gRPC/s', ''], rows: hourRows(run.hours) },
    {
      title: 'Latency in ms',
      head: ['operation', 'count', 'per s', 'p50', 'p90', 'p99', 'p99.9', 'max', 'shape'],
      rows: latencyRows(sources, minutes),
    },
    ...[...sources].map(([source, histogram]) => ({
      title: `${source}: operations by duration`,
      lines: chartOf(histogram),
      isDetail: true,
    })),
    {
      title: 'Errors',
      head: ['operation', 'error', 'during', 'count', ''],
      rows: errorRows(verdict.errorRows),
    },
    {
      title: 'Processes',
      head: ['process', 'starts', 'RSS MiB', 'peak', 'after', 'heap MiB', 'after', 'fds', 'peak', 'after'],
      rows: processRows(run),
    },
  ]
}

/** The same as an object for programs. Times are in milliseconds, of the clock of the run. */
export function figuresOf({ minutes, seed, machine, run, verdict, outcomes }) {
  const latency = Object.fromEntries(
    [...merged(outcomes)].map(([source, histogram]) => [
      source,
      {
        count: histogram.count,
        maxMs: histogram.maxMs,
        percentilesMs: Object.fromEntries(SHARES.map((share) => [share, histogram.percentileMs(share)])),
        powersOfTwo: histogram.powersOfTwo(),
      },
    ]),
  )
  const { capacity, peaks, hours, events, before, after, processes } = run
  const { checks, errorRows: errors, jobs } = verdict
  return {
    minutes,
    seed,
    machine,
    capacity,
    peaks,
    hours,
    timeline: events.timeline,
    windows: events.windows,
    checks,
    jobs,
    latency,
    errors,
    processes,
    before,
    after,
  }
}

function describeRun({ minutes, seed, machine, run, verdict }) {
  const { jobs } = verdict
  const slow = run.accounts['slow-subscriber']
  const left = [
    ['full disk', run.disk.missing],
    ['clock', run.clock.missing],
    ['h2load', run.h2load.missing],
  ].filter(([, missing]) => missing !== undefined)
  return [
    ['processors', machine.cpu],
    ['memory', machine.memory],
    ['kernel', machine.kernel],
    ['Node.js', machine.node],
    ['load average before the run', machine.loadAverage.join(', ')],
    ['length', `${minutes} min for a day, --seed ${seed}`],
    ['capacity of the REST gateway alone', `${run.capacity.toLocaleString('en')} requests/s`],
    [
      'peak of the day',
      `per s: ${Object.entries(run.peaks)
        .map(([name, rate]) => `${name} ${rate}`)
        .join(', ')}`,
    ],
    [
      'jobs',
      `${jobs.held.toLocaleString('en')} acknowledged, ${jobs.done.toLocaleString('en')} done, ${jobs.again} of them ran again`,
    ],
    [
      'changes over REST',
      `${run.answered.length.toLocaleString('en')} answered; the service has executed ${run.executed.length.toLocaleString('en')}, those over shared memory included`,
    ],
    [
      'the slow subscriber',
      `${slow.received.toLocaleString('en')} received + ${slow.lost.toLocaleString('en')} lost = ${slow.sequence.toLocaleString('en')} published`,
    ],
    ...left.map(([name, missing]) => [`skipped: ${name}`, missing]),
  ]
}

function byTime(one, other) {
  return one.time < other.time ? -1 : 1
}

function checkRows({ name, faults }) {
  return [[faults.length === 0 ? 'passed' : 'FAILED', name], ...faults.map((fault) => ['', `- ${fault}`])]
}

function hourRows(hours) {
  const max = Math.max(...hours.map(({ answers }) => answers), 1)
  return hours.map(({ hour, share, answers, calls }) => [
    timeOf(hour),
    `${Math.round(share * 100)} %`,
    answers.toLocaleString('en'),
    calls.toLocaleString('en'),
    bar(answers / max),
  ])
}

/** One histogram for each source. */
function merged(outcomes) {
  const sources = new Map()
  for (const { source, latency } of outcomes) {
    const histogram = sources.get(source) ?? new Histogram()
    histogram.add(latency)
    sources.set(source, histogram)
  }
  return sources
}

function latencyRows(sources, minutes) {
  return [...sources].map(([source, histogram]) => [
    source,
    histogram.count.toLocaleString('en'),
    Math.round(histogram.count / (minutes * 60)).toLocaleString('en'),
    ...SHARES.map((share) => duration(histogram.percentileMs(share))),
    duration(histogram.maxMs),
    shapeOf(histogram),
  ])
}

/** A column for each power of two from 64 µs to 8 s; the outer ones have the rest. Its height is the logarithm of the number. */
function shapeOf(histogram) {
  const columns = Array.from({ length: SHAPE_LENGTH }, () => 0)
  for (const { toMs, count } of histogram.powersOfTwo()) {
    const column = Math.round(Math.log2(toMs / SHAPE_FROM_MS))
    columns[Math.min(SHAPE_LENGTH - 1, Math.max(0, column))] += count
  }
  const max = Math.log(Math.max(...columns) + 1)
  return columns
    .map((count) =>
      count === 0 ? '·' : HEIGHTS[Math.ceil((Math.log(count + 1) / max) * HEIGHTS.length) - 1],
    )
    .join('')
}

function chartOf(histogram) {
  const rows = histogram.powersOfTwo()
  const max = Math.max(...rows.map(({ count }) => count))
  return rows.map(({ toMs, count }) =>
    `< ${duration(toMs).padStart(8)} ms ${String(count).padStart(9)} ${bar(count / max)}`.trimEnd(),
  )
}

function errorRows(rows) {
  if (rows.length === 0) return [['none', '', '', '', '']]
  return rows.map(({ source, kind, phase, count, isExpected }) => [
    source,
    kind,
    phase,
    count.toLocaleString('en'),
    isExpected ? 'expected' : 'NOT EXPECTED',
  ])
}

function processRows({ before, after, processes }) {
  const mib = (bytes) => String(Math.round(bytes / MIB))
  const heap = (bytes) => (bytes / MIB).toFixed(1)
  const count = (descriptors) => String(Object.values(descriptors).reduce((sum, one) => sum + one, 0))
  return Object.entries(processes).map(([name, { starts, peakBytes, peakDescriptors }]) => {
    const [one, two] = [before[name], after[name]]
    return [
      name,
      String(starts),
      mib(one.residentBytes),
      mib(Math.max(peakBytes, one.residentBytes, two.residentBytes)),
      mib(two.residentBytes),
      heap(one.heapBytes),
      heap(two.heapBytes),
      count(one.descriptors),
      String(peakDescriptors),
      count(two.descriptors),
    ]
  })
}

function duration(ms) {
  if (ms >= 100) return ms.toFixed(0)
  return ms >= 1 ? ms.toFixed(1) : ms.toFixed(3)
}

function bar(share) {
  const eighths = Math.round(share * BAR_LENGTH * 8)
  return FULL.repeat(Math.floor(eighths / 8)) + PARTS[eighths % 8]
}
