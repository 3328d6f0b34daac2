import { randomBytes } from 'node:crypto'
import { timeOfDayMs } from '../host.js'
import { channelGroups, openChannels } from './channel-totals.js'
import { eventLoopFigures } from './event-loop.js'
import { SNAPSHOT_VERSION, type Snapshot } from './figures.js'
import { processFigures } from './process-figures.js'
import { type Lists, rowsOf, unlistedCount } from './registry.js'

const ID_BYTES = 16
const id = randomBytes(ID_BYTES).toString('hex')

/** Rows of each list of `snapshot()`. */
const ROWS_MAX = 10_000

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
  const take = <Row>(name: string, { rows, omitted: count }: { rows: Row[]; omitted: number }): Row[] => {
    if (count > 0) omitted[name] = count
    return rows
  }
  const list = <Name extends keyof Lists>(name: Name): Lists[Name][] => take(name, rowsOf(name, rowsMax))
  const groups = [...channelGroups()]
  const shape: Omit<Snapshot, 'omitted'> = {
    version: SNAPSHOT_VERSION,
    id,
    atMs: timeOfDayMs(),
    process: processFigures(),
    eventLoop: eventLoopFigures(),
    servers: list('servers'),
    channelGroups: take('channelGroups', {
      rows: groups.slice(0, rowsMax),
      omitted: Math.max(0, groups.length - rowsMax),
    }),
    channels: take('channels', openChannels(rowsMax)),
    services: list('services'),
    topics: list('topics'),
    subscriptions: list('subscriptions'),
    cells: list('cells'),
    queues: list('queues'),
    gateways: list('gateways'),
  }
  const unlisted = unlistedCount()
  if (unlisted > 0) omitted['unlisted'] = unlisted
  return { ...shape, omitted }
}
