import { parseArgs } from 'node:util'
import { listServers } from '../../discovery/list-servers.js'
import type { ServerInfo } from '../../discovery/server-info.js'
import { printable } from '../../printable.js'
import { type Command, type CommandIo, UsageError } from '../command.js'
import { discoveryOptions, OBSERVE_HELP, OBSERVE_OPTIONS } from '../observe-options.js'
import { type Column, tableLines } from '../table.js'

export const listCommand: Command = {
  name: 'list',
  summary: 'list the servers of this user that answer',
  help: `Usage: shmwire list [--json] [--directory <path>] [--timeout <seconds>]

Lists the servers of this user that answer now, with their processes and services.

  --json                 print an array of JSON objects
${OBSERVE_HELP}`,
  run: runList,
}

const COLUMNS: readonly Column[] = [
  { title: 'NAME' },
  { title: 'PID', isNumber: true },
  { title: 'UID', isNumber: true },
  { title: 'STARTED' },
  { title: 'SERVICES' },
]

async function runList(args: readonly string[], io: CommandIo): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { ...OBSERVE_OPTIONS, json: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  if (positionals.length > 0) throw new UsageError(`list takes no argument, not ${positionals[0]}`)
  const servers = await listServers(discoveryOptions(values))
  if (values.json) {
    // The name of a file can contain any character; as JSON it stays the same.
    io.out(
      `${JSON.stringify(servers, undefined, 2)
        .split('\n')
        .map((line) => printable(line))
        .join('\n')}\n`,
    )
    return
  }
  if (servers.length === 0) {
    io.error('no server answers\n')
    return
  }
  const [titles = '', ...lines] = tableLines(COLUMNS, servers.map(cellsOf))
  io.out(`${[io.style('bold', titles), ...lines].join('\n')}\n`)
}

function cellsOf({ name, pid, uid, startedAt, services }: ServerInfo): string[] {
  const names = services.map((service) => (service.name === '' ? '(unnamed)' : service.name))
  return [
    printable(name),
    pid === undefined ? '-' : String(pid),
    uid === undefined ? '-' : String(uid),
    `${startedAt.toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length).replace('T', ' ')}Z`,
    names.length === 0 ? '-' : printable(names.join(', ')),
  ]
}
