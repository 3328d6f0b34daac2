import { once } from 'node:events'
import { arch, release, type as systemType } from 'node:os'
import { parseArgs } from 'node:util'
import { ServerObserver } from '../../discovery/observe-servers.js'
import { type Command, type CommandIo, UsageError } from '../command.js'
import { runtimeName } from '../machine.js'
import { durationMs, localAddress, positiveInteger } from '../message-options.js'
import { discoveryOptions, OBSERVE_HELP, OBSERVE_OPTIONS } from '../observe-options.js'
import { packageVersion } from '../package-version.js'
import type { MonitorAbout } from './frame.js'
import { MonitorServer } from './monitor-server.js'
import { readPageFiles } from './page-files.js'
import { Poller } from './poller.js'
import { writePicture } from './write-picture.js'

const PORT_MAX = 65_535
const INTERVAL_S_MAX = 60
/** A process makes at most ten snapshots a second. */
const INTERVAL_MS_MIN = 200

export const monitorCommand: Command = {
  name: 'monitor',
  summary: 'show the running processes in a browser: a live graph, charts and a picture',
  help: `Usage: shmwire monitor [<address>…] [options]

Serves a page for a browser on this machine, and prints its address. The page shows the processes behind the servers at
the addresses, or those of all servers of this user: channels, services, topics and queues. It only reads, and needs no
network. The address has a secret token: others who have it can see the page too. Ctrl-C ends it.

  --port <number>        listen on this port of 127.0.0.1; default: a free one
  --picture <file>       write a picture of ten intervals (SVG) instead, and end
  --interval <seconds>   how often the counters are read, from 0.2; default: 1
${OBSERVE_HELP}`,
  run: runMonitor,
}

const OPTIONS = {
  ...OBSERVE_OPTIONS,
  port: { type: 'string' },
  picture: { type: 'string' },
  interval: { type: 'string', default: '1' },
} as const

async function runMonitor(args: readonly string[], io: CommandIo): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  const port = values.port === undefined ? 0 : positiveInteger('--port', values.port, PORT_MAX)
  const intervalMs = durationMs('--interval', values.interval, INTERVAL_S_MAX)
  if (intervalMs < INTERVAL_MS_MIN)
    throw new UsageError(
      `--interval ${values.interval}: it must be at least ${INTERVAL_MS_MIN / 1_000} seconds`,
    )
  const observer = new ServerObserver(
    positionals.map((text) => localAddress(text)),
    discoveryOptions(values),
  )
  const about = aboutThis(io.root, intervalMs)
  const interruption = io.interruption()
  if (values.picture !== undefined) {
    if (values.port !== undefined) throw new UsageError('--picture serves no page, so it has no --port')
    await writePicture(values.picture, observer, about, interruption)
    return
  }
  const server = new MonitorServer({
    poller: new Poller(observer, intervalMs),
    files: readPageFiles(io.root),
    about,
  })
  await server.listen(port)
  try {
    io.out(`${server.url}\n`)
    if (!interruption.aborted) await once(interruption, 'abort')
  } finally {
    await server.close()
  }
}

function aboutThis(root: string, intervalMs: number): MonitorAbout {
  return {
    version: packageVersion(root),
    runtime: runtimeName(),
    system: `${systemType()} ${release()}, ${arch()}`,
    intervalMs,
  }
}
