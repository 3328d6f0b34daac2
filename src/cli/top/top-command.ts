import { parseArgs } from 'node:util'
import { type ServerAnswer, ServerObserver, snapshotsOf } from '../../discovery/observe-servers.js'
import { newAbortController, sleep } from '../../host.js'
import type { Snapshot } from '../../observe/figures.js'
import { printable } from '../../printable.js'
import { type Command, CommandError, UsageError } from '../command.js'
import { discoveryOptions, explained, OBSERVE_HELP, OBSERVE_OPTIONS, seconds } from '../observe-options.js'
import { standardTerminal, type Terminal } from '../terminal.js'
import { LiveScreen } from './live-screen.js'
import { topProcesses, topRows } from './top-rows.js'
import { printedLines, screenLines, type TopSample } from './top-screen.js'
import { SORT_NAMES, TopView } from './top-view.js'

const INTERVAL_S_MAX = 3_600
const MS = 1_000

export const topCommand: Command = {
  name: 'top',
  summary: 'show the channels, topics and queues of running processes, live',
  help: `Usage: shmwire top [<address>…] [--once] [--json] [--interval <seconds>] [--sort <column>] [--filter <text>]
                   [--directory <path>] [--timeout <seconds>]

Shows what the processes behind the servers at the addresses do, or those of all servers of this user: messages and
bytes per second, depth, wakes, spins, drops and lag. It only reads. The keys are those of htop; 'h' lists them.

  --once                 print one table of one interval, and end
  --json                 print JSON: one object for each interval
  --interval <seconds>   default: 2; with --once: 1
  --sort <column>        ${SORT_NAMES.join(', ')}; default: messages
  --filter <text>        only rows that contain this text
${OBSERVE_HELP}`,
  run: (args) => runTop(args, standardTerminal()),
}

const OPTIONS = {
  ...OBSERVE_OPTIONS,
  once: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  interval: { type: 'string' },
  sort: { type: 'string', default: 'messages' },
  filter: { type: 'string', default: '' },
} as const

export async function runTop(args: readonly string[], terminal: Terminal): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  const sort = SORT_NAMES.find((name) => name === values.sort)
  if (sort === undefined) throw new UsageError(`--sort ${values.sort} is not one of ${SORT_NAMES.join(', ')}`)
  const interval = values.interval ?? (values.once ? '1' : '2')
  const intervalMs = seconds('--interval', interval, INTERVAL_S_MAX) * MS
  const isLive = !values.once && !values.json
  if (isLive && !(process.stdin.isTTY && process.stdout.isTTY))
    throw new CommandError('the live table needs a terminal; use --once or --json')
  const stopping = newAbortController()
  const stop = (): void => stopping.abort()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop)
  try {
    await explained(async () => {
      const observer = new ServerObserver(positionals, discoveryOptions(values))
      const sampler = new Sampler(observer, stopping.signal)
      const view = new TopView(sort, values.filter)
      if (isLive) await live(sampler, view, terminal, intervalMs, stop)
      else await print(sampler, view, terminal, { intervalMs, ...values })
    })
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, stop)
  }
}

/** Takes samples, each with the rates since the last one. */
class Sampler {
  readonly signal: AbortSignal
  readonly #observer: ServerObserver
  #before: readonly Snapshot[] = []

  constructor(observer: ServerObserver, signal: AbortSignal) {
    this.signal = signal
    this.#observer = observer
  }

  async take(): Promise<TopSample> {
    const answers = await this.#observer.ask(this.signal)
    const now = snapshotsOf(answers)
    const before = this.#before
    this.#before = now
    return {
      processes: topProcesses(before, now),
      rows: topRows(before, now),
      unanswered: answers.flatMap(unansweredOf),
    }
  }

  /** Resolves at the end of the time, or when the user ends the command. */
  async pause(ms: number): Promise<void> {
    try {
      await sleep(ms, undefined, { signal: this.signal })
    } catch (error) {
      if (!this.signal.aborted) throw error
    }
  }
}

function unansweredOf({ address, error }: ServerAnswer): TopSample['unanswered'] {
  if (error === undefined) return []
  return [{ address: printable(address), code: error.code, message: error.message }]
}

async function print(
  sampler: Sampler,
  view: TopView,
  terminal: Terminal,
  { once, json, intervalMs }: { once: boolean; json: boolean; intervalMs: number },
): Promise<void> {
  await sampler.take()
  for (;;) {
    await sampler.pause(intervalMs)
    if (sampler.signal.aborted) return
    const sample = await sampler.take()
    if (json) terminal.out(`${JSON.stringify({ ...sample, rows: view.arrange(sample.rows) })}\n`)
    else terminal.out(`${printedLines(sample, view, terminal).join('\n')}\n`)
    if (once) return
  }
}

async function live(
  sampler: Sampler,
  view: TopView,
  terminal: Terminal,
  intervalMs: number,
  stop: () => void,
): Promise<void> {
  let sample = await sampler.take()
  const draw = (): void => screen.draw(screenLines(sample, view, terminal, screen.size))
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
