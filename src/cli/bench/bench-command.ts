import { parseArgs } from 'node:util'
import type { Command, CommandIo } from '../command.js'
import { thisMachine } from '../machine.js'
import { checkArgumentCount, durationMs, positiveInteger } from '../message-options.js'
import { packageVersion } from '../package-version.js'
import { PeerProcess } from '../peer/peer-process.js'
import { benchReport } from './bench-report.js'
import type { BenchResult } from './bench-result.js'
import { measureInTurn } from './measure-carrier.js'

export const benchCommand: Command = {
  name: 'bench',
  summary: 'measure shared memory and the socket on this machine',
  help: `Usage: shmwire bench [options]

Measures the round trip and the throughput of messages between two processes, over shared memory and over the socket,
in about five seconds. It measures both in turn, three times, and prints the medians. Measure on an idle machine.

  --seconds <n>          the time of each of the six measurements (default 0.5)
  --bytes <n>            the length of the messages (default 64), 1 to 1048576
  --json                 print one line of JSON; times are in nanoseconds, throughput in messages per second

'npm run bench' in a clone of the repository compares other transports, too.
`,
  run,
}

const SECONDS_DEFAULT = '0.5'
const BYTES_DEFAULT = '64'
const BYTES_MAX = 2 ** 20
/** A hang, not a slow machine. */
const ANSWER_TIMEOUT_MS = 30_000

async function run(args: readonly string[], io: CommandIo): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: SECONDS_DEFAULT },
      bytes: { type: 'string', default: BYTES_DEFAULT },
      json: { type: 'boolean', default: false },
    },
  })
  checkArgumentCount(positionals, 0)
  const measuredMs = durationMs('--seconds', values.seconds)
  const messageBytes = positiveInteger('--bytes', values.bytes, BYTES_MAX)
  const bounds = { signal: io.interruption(), timeoutMs: measuredMs + ANSWER_TIMEOUT_MS }
  const measurement = { durationMs: measuredMs, messageBytes, ...bounds }
  // Before the measurement, which is load itself.
  const machine = thisMachine()
  const peer = await PeerProcess.start(io.root, bounds)
  try {
    const [memory, socket] = await measureInTurn(peer, measurement)
    const isShared = memory.transport === 'shm'
    const result: BenchResult = {
      shmwire: packageVersion(io.root),
      machine,
      messageBytes,
      shm: isShared ? memory : undefined,
      fallbackReason: memory.fallbackReason,
      socket,
    }
    io.out(values.json ? `${JSON.stringify(result)}\n` : benchReport(result, io.style))
  } finally {
    peer.stop()
  }
}
