import { join } from 'node:path'
import { loadBaseline, loadScenario } from '../../bench/support/catalog.mjs'
import { CpuClock, median, percentiles } from '../../bench/support/figures.mjs'
import { connect } from '../../dist/index.js'

const ROUNDS = 3
const WARM_UP_MS = 120
const DURATION_MS = 240

const KIB = 1024

/** What the demo measures; `scenarioName` is a file of bench/scenarios. */
const MEASURES = [
  {
    title: 'Round trip, 64 bytes',
    isShorterBetter: true,
    scenarioName: 'round-trip',
    messageBytes: 64,
    of: (figures) => figures.latencyNanos.p50,
  },
  {
    title: 'request(), default codec',
    isShorterBetter: true,
    of: (figures) => figures.latencyNanos.p50,
  },
  {
    title: 'One way, messages of 64 bytes',
    unit: 'messages',
    scenarioName: 'one-way',
    messageBytes: 64,
    of: (figures) => figures.messagesPerSecond,
  },
  {
    title: 'One way, messages of 64 KiB',
    unit: 'bytes',
    scenarioName: 'one-way',
    messageBytes: 64 * KIB,
    of: (figures) => figures.bytesPerSecond,
  },
]

const COMPETITORS = [
  { label: 'shared memory', baselineName: 'shmwire', transport: 'shm' },
  { label: "shmwire's socket", baselineName: 'shmwire-socket', transport: 'socket' },
  { label: 'net socket', baselineName: 'unix-socket-plain' },
]

/**
 * Measures everything, competitors in turn. `ask` tells the other side what to serve, `onProgress` gets the part done
 * and what is being measured. Resolves to the measures with a `rows` each, best competitor not first but as listed.
 */
export async function measureAll({ folder, hasSharedMemory, ask, onProgress }) {
  const competitors = COMPETITORS.filter(({ transport }) => hasSharedMemory || transport !== 'shm')
  const runs = MEASURES.flatMap((measure, index) =>
    competitors
      .filter(({ transport }) => measure.scenarioName !== undefined || transport !== undefined)
      .map((competitor) => ({
        measure,
        competitor,
        found: [],
        ...taskOf(measure, competitor, join(folder, String.fromCharCode(97 + index))),
      })),
  )
  await ask('serve', { runs: runs.map(({ task }) => task) })
  for (const run of runs) run.client = await connectTo(run)
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [index, run] of runs.entries()) {
        onProgress(
          (round * runs.length + index) / (ROUNDS * runs.length),
          `${run.competitor.label}, round ${round + 1} of ${ROUNDS}`,
        )
        run.found.push(await run.client.measure())
      }
    }
  } finally {
    await Promise.allSettled(runs.map((run) => run.client.close()))
  }
  return MEASURES.map((measure) => ({
    ...measure,
    rows: runs.filter((run) => run.measure === measure).map((run) => rowOf(run)),
  }))
}

function taskOf({ scenarioName, messageBytes }, { baselineName, transport }, prefix) {
  const options = { messageBytes, warmUpMs: WARM_UP_MS, durationMs: DURATION_MS }
  return { task: { path: `${prefix}-${baselineName}`, scenarioName, baselineName, transport, options } }
}

async function connectTo({ task: { path, scenarioName, baselineName, transport, options } }) {
  if (scenarioName === undefined) {
    const channel = await connect(`unix:${path}`, { transport })
    return { measure: () => measureRequests(channel), close: () => channel.close() }
  }
  const connection = await (await loadBaseline(baselineName)).connect({ path, options })
  const scenario = await loadScenario(scenarioName)
  return { measure: () => scenario.measure(connection, options), close: () => connection.close() }
}

function rowOf({ measure, competitor, found }) {
  const values = found.map(measure.of)
  return {
    label: competitor.label,
    value: median(values),
    low: Math.min(...values),
    high: Math.max(...values),
    cpuSecondsPerMillion: median(found.map(({ cpuSecondsPerMillion }) => cpuSecondsPerMillion.both)),
  }
}

/** One request at a time, each answered by the peer's handler. The other side's CPU time is not asked for. */
async function measureRequests(channel) {
  await requestFor(channel, WARM_UP_MS)
  const cpu = new CpuClock()
  const samples = await requestFor(channel, DURATION_MS)
  const both = (cpu.seconds() / samples.length) * 1e6
  return { latencyNanos: percentiles(samples), cpuSecondsPerMillion: { both } }
}

async function requestFor(channel, durationMs) {
  const samples = []
  const untilMs = performance.now() + durationMs
  for (let id = 0; ; id += 1) {
    const beginMs = performance.now()
    const reply = await channel.request({ id, symbol: 'ABC', price: 101.25 })
    const endMs = performance.now()
    if (reply.id !== id || reply.answered !== true) throw new Error(`the reply to request ${id} is another`)
    samples.push((endMs - beginMs) * 1e6)
    if (endMs >= untilMs) return samples
  }
}
