import { parseArgs } from 'node:util'
import { ServerObserver, snapshotsOf } from '../../discovery/observe-servers.js'
import { metricsOfSnapshots } from '../../observe/metrics-text.js'
import { printable } from '../../printable.js'
import { type Command, CommandError, type CommandIo } from '../command.js'
import { localAddress } from '../message-options.js'
import { discoveryOptions, OBSERVE_HELP, OBSERVE_OPTIONS, unansweredText } from '../observe-options.js'

export const metricsCommand: Command = {
  name: 'metrics',
  summary: "print the counters of this user's processes in the format of Prometheus",
  help: `Usage: shmwire metrics [<address>…] [--directory <path>] [--timeout <seconds>]

Reads the counters of the processes behind the servers at the addresses, or of all servers of this user, and prints
them in the text format of Prometheus. The labels 'pid' and 'thread' identify the processes. It only reads.

${OBSERVE_HELP}`,
  run: runMetrics,
}

async function runMetrics(args: readonly string[], io: CommandIo): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: OBSERVE_OPTIONS,
    allowPositionals: true,
  })
  const answers = await new ServerObserver(
    positionals.map((text) => localAddress(text)),
    discoveryOptions(values),
  ).ask()
  io.out(metricsOfSnapshots(snapshotsOf(answers)))
  const failed = answers.filter(({ error }) => error !== undefined)
  for (const { address, error } of failed)
    io.error(`${printable(address)}: ${error?.message} (${error?.code})\n`)
  if (positionals.length > 0 && failed.length > 0)
    throw new CommandError(unansweredText(failed.length, answers.length))
}
