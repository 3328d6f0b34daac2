import { randomBytes } from 'node:crypto'
import { timeOfDayMs } from '../host.js'
import { readChannels } from './channel-totals.js'
import { endedTotals } from './ended-totals.js'
import { eventLoopFigures } from './event-loop.js'
import { SNAPSHOT_VERSION, type Snapshot } from './figures.js'
import { processFigures } from './process-figures.js'
import { type Lists, rowsOf, unlistedCount } from './registry.js'

const ID_BYTES = 16
const id = randomBytes(ID_BYTES).toString('hex')

/** Rows of each list of `snapshot()`. */
const ROWS_MAX = 10_000

/** The lists of a snapshot. */
const LIST_NAMES = [
  'servers',
  'channelGroups',
  'channels',
  'services',
  'topics',
  'subscriptions',
  'cells',
  'queues',
  'gateways',
  'endedMethods',
  'endedSubscriptions',
  'endedGateways',
] as const satisfies readonly (keyof Snapshot)[]

/**
 * The figures of this thread and its process: servers, channels, services, topics, subscriptions, cells, queues and gateways. It reads
 * counters that exist anyway. The call also begins to measure the delay of the event loop, for the next two minutes.
 */
export function snapshot(): Snapshot {
  return snapshotOf(ROWS_MAX)
}

/** @param rowsMax of each list */
export function snapshotOf(rowsMax: number): Snapshot {
  const omitted: Record<string, number> = {}
  const list = <Name extends keyof Lists>(name: Name): Lists[Name][] => {
    const found = rowsOf(name, rowsMax)
    if (found.omitted > 0) omitted[name] = found.omitted
    return found.rows
  }
  const { groups: channelGroups, rows: channels, omitted: channelsOmitted } = readChannels(rowsMax)
  if (channelsOmitted > 0) omitted['channels'] = channelsOmitted
  const unlisted = unlistedCount()
  if (unlisted > 0) omitted['unlisted'] = unlisted
  return {
    version: SNAPSHOT_VERSION,
    id,
    atMs: timeOfDayMs(),
    process: processFigures(),
    eventLoop: eventLoopFigures(),
    servers: list('servers'),
    channelGroups,
    channels,
    services: list('services'),
    topics: list('topics'),
    subscriptions: list('subscriptions'),
    cells: list('cells'),
    queues: list('queues'),
    gateways: list('gateways'),
    ...endedTotals(),
    omitted,
  }
}

/** The same snapshot with at most `rowsMax` rows in each list. */
export function shortened(whole: Snapshot, rowsMax: number): Snapshot {
  const omitted: Record<string, number> = { ...whole.omitted }
  const lists: Partial<Record<(typeof LIST_NAMES)[number], readonly unknown[]>> = {}
  for (const name of LIST_NAMES) {
    const rows = whole[name]
    if (rows.length <= rowsMax) continue
    omitted[name] = (omitted[name] ?? 0) + rows.length - rowsMax
    lists[name] = rows.slice(0, rowsMax)
  }
  return { ...whole, ...(lists as Partial<Snapshot>), omitted }
}
