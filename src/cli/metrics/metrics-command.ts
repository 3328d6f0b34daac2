import { parseArgs } from 'node:util'
import { type ServerAnswer, ServerObserver, snapshotsOf } from '../../discovery/observe-servers.js'
import { metricsOfSnapshots } from '../../observe/metrics-text.js'
import { printable } from '../../printable.js'
import { type Command, CommandError } from '../command.js'
import { discoveryOptions, explained, OBSERVE_HELP, OBSERVE_OPTIONS } from '../observe-options.js'
import { standardTerminal, type Terminal } from '../terminal.js'

export const metricsCommand: Command = {
  name: 'metrics',
  summary: "print the counters of this user's processes in the format of Prometheus",
  help: `Usage: shmwire metrics [<address>…] [--directory <path>] [--timeout <seconds>]

Reads the counters of the processes behind the servers at the addresses, or of all servers of this user, and prints
them in the text format of Prometheus. The labels 'pid' and 'thread' identify the processes. It only reads.

${OBSERVE_HELP}`,
  run: (args) => runMetrics(args, standardTerminal()),
}

export async function runMetrics(args: readonly string[], terminal: Terminal): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: OBSERVE_OPTIONS,
    allowPositionals: true,
  })
  const answers = await explained(() => new ServerObserver(positionals, discoveryOptions(values)).ask())
  terminal.out(metricsOfSnapshots(snapshotsOf(answers)))
  const failed = answers.filter(({ error }) => error !== undefined)
  for (const { address, error } of failed)
    terminal.error(`${printable(address)}: ${error?.message} (${error?.code})\n`)
  if (positionals.length > 0 && failed.length > 0) throw new CommandError(failureText(failed, answers))
}

function failureText(failed: readonly ServerAnswer[], all: readonly ServerAnswer[]): string {
  return `${failed.length} of ${all.length} servers did not answer`
}
