import { parseArgs } from 'node:util'
import { pause } from '../../abort-waits.js'
import { type ServerAnswer, ServerObserver, snapshotsOf } from '../../discovery/observe-servers.js'
import { newAbortController } from '../../host.js'
import { printable } from '../../printable.js'
import { type Command, CommandError, type CommandIo, UsageError } from '../command.js'
import { durationMs, localAddress } from '../message-options.js'
import { discoveryOptions, OBSERVE_HELP, OBSERVE_OPTIONS, unansweredText } from '../observe-options.js'
import { LiveScreen } from './live-screen.js'
import { SnapshotHistory } from './snapshot-history.js'
import { topProcesses, topRows } from './top-rows.js'
import { printedLines, screenLines, type TopSample } from './top-screen.js'
import { SORT_NAMES, TopView } from './top-view.js'

const INTERVAL_S_MAX = 3_600
/** The first printed sample waits so long for a process that still answers with its last snapshot: 10 seconds. */
const ASK_AGAIN_MS = 100
const ASK_AGAIN_MAX = 100

export const topCommand: Command = {
  name: 'top',
  summary: 'show the channels, topics and queues of running processes, live',
  help: `Usage: shmwire top [<address>…] [options]

Shows what the processes behind the servers at the addresses do, or those of all servers of this user: messages and
bytes per second, depth, wakes, spins, drops and lag. It only reads. The keys are those of htop; 'h' lists them.

  --once                 print one table of one interval, and end
  --json                 print JSON: one object for each interval
  --interval <seconds>   default: 2; with --once: 1
  --sort <column>        ${SORT_NAMES.join(', ')}; default: messages
  --filter <text>        only rows that contain this text
${OBSERVE_HELP}`,
  run: runTop,
}

const OPTIONS = {
  ...OBSERVE_OPTIONS,
  once: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  interval: { type: 'string' },
  sort: { type: 'string', default: 'messages' },
  filter: { type: 'string', default: '' },
} as const

async function runTop(args: readonly string[], io: CommandIo): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  const { once, json, filter } = values
  const sort = SORT_NAMES.find((name) => name === values.sort)
  if (sort === undefined) throw new UsageError(`--sort ${values.sort} is not one of ${SORT_NAMES.join(', ')}`)
  const intervalMs = durationMs('--interval', values.interval ?? (once ? '1' : '2'), INTERVAL_S_MAX)
  const isLive = !once && !json
  if (isLive && !(process.stdin.isTTY && process.stdout.isTTY))
    throw new CommandError('the live table needs a terminal; use --once or --json')
  const observer = new ServerObserver(
    positionals.map((text) => localAddress(text)),
    discoveryOptions(values),
  )
  const view = new TopView(sort, filter)
  if (isLive) {
    await showLive(observer, view, io, intervalMs)
    return
  }
  const last = await print(new Sampler(observer, io.interruption()), view, io, { once, json, intervalMs })
  if (last !== undefined && positionals.length > 0 && last.unanswered.length > 0)
    throw new CommandError(unansweredText(last.unanswered.length, positionals.length))
}

/** Takes samples, each with the rates since the last one. */
class Sampler {
  readonly signal: AbortSignal
  readonly #observer: ServerObserver
  readonly #history = new SnapshotHistory()

  constructor(observer: ServerObserver, signal: AbortSignal) {
    this.signal = signal
    this.#observer = observer
  }

  async take(): Promise<TopSample> {
    const { sample } = await this.#ask()
    return sample
  }

  /** A sample of which each thread that answered before has made a new snapshot, if it does within a while. */
  async takeFresh(): Promise<TopSample> {
    for (let count = 0; ; count += 1) {
      const { sample, isStale } = await this.#ask()
      if (!isStale || count >= ASK_AGAIN_MAX || this.signal.aborted) return sample
      await this.pause(ASK_AGAIN_MS)
    }
  }

  async #ask(): Promise<{ readonly sample: TopSample; readonly isStale: boolean }> {
    const answers = await this.#observer.ask(this.signal)
    const { before, now, isStale } = this.#history.add(snapshotsOf(answers))
    const sample: TopSample = {
      processes: topProcesses(before, now),
      rows: topRows(before, now),
      unanswered: answers.flatMap(unansweredOf),
    }
    return { sample, isStale }
  }

  /** Resolves at the end of the time, or when the user ends the command. */
  pause(ms: number): Promise<void> {
    return pause(ms, this.signal)
  }
}

function unansweredOf({ address, error }: ServerAnswer): TopSample['unanswered'] {
  if (error === undefined) return []
  return [{ address: printable(address), code: error.code, message: error.message }]
}

/** Returns the sample of `--once`. Undefined: the user has ended the command. */
async function print(
  sampler: Sampler,
  view: TopView,
  io: CommandIo,
  { once, json, intervalMs }: { once: boolean; json: boolean; intervalMs: number },
): Promise<TopSample | undefined> {
  const { signal } = sampler
  let isFirst = true
  await sampler.take()
  while (!signal.aborted) {
    await sampler.pause(intervalMs)
    if (signal.aborted) break
    const sample = isFirst ? await sampler.takeFresh() : await sampler.take()
    isFirst = false
    // The servers that were not asked any more would be missing.
    if (signal.aborted) break
    if (json) io.out(`${JSON.stringify({ ...sample, rows: view.arrange(sample.rows) })}\n`)
    else io.out(`${printedLines(sample, view, io).join('\n')}\n`)
    if (once) return sample
    await io.drained()
  }
  return undefined
}

async function showLive(
  observer: ServerObserver,
  view: TopView,
  io: CommandIo,
  intervalMs: number,
): Promise<void> {
  const interruption = io.interruption()
  const stopping = newAbortController()
  const stop = (): void => stopping.abort()
  interruption.addEventListener('abort', stop)
  try {
    if (!interruption.aborted) await live(new Sampler(observer, stopping.signal), view, io, intervalMs, stop)
  } finally {
    interruption.removeEventListener('abort', stop)
  }
}

async function live(
  sampler: Sampler,
  view: TopView,
  io: CommandIo,
  intervalMs: number,
  stop: () => void,
): Promise<void> {
  let sample = await sampler.take()
  if (sampler.signal.aborted) return
  const draw = (): void => screen.draw(screenLines(sample, view, io, screen.size))
  const press = (key: string): void => {
    const action = view.press(key)
    if (action === 'quit') stop()
    else if (action === 'redraw') draw()
  }
  const screen = new LiveScreen(process.stdin, process.stdout, press, () => draw())
  try {
    draw()
    while (!sampler.signal.aborted) {
      await sampler.pause(intervalMs)
      if (sampler.signal.aborted) break
      const next = await sampler.take()
      if (sampler.signal.aborted) break
      if (!view.isPaused) sample = next
      draw()
    }
  } catch (error) {
    // After the end, the answers that were still expected do not matter.
    if (!sampler.signal.aborted) throw error
  } finally {
    screen.close()
  }
}
