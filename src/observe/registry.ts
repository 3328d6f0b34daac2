/**
 * The parts of this thread that report figures. An entry is one weak reference: it keeps nothing alive and is read only when a program takes a snapshot, so
 * messages and calls cost nothing more.
 */
import { ADD_ENDED } from './ended-totals.js'
import type {
  CellFigures,
  GatewayFigures,
  QueueFigures,
  ServerFigures,
  ServiceFigures,
  SubscriptionFigures,
  TopicFigures,
} from './figures.js'

/** The lists of a snapshot to which other parts of the package add rows. */
export interface Lists {
  servers: ServerFigures
  services: ServiceFigures
  topics: TopicFigures
  subscriptions: SubscriptionFigures
  cells: CellFigures
  queues: QueueFigures
  gateways: GatewayFigures
}

type Adding = { readonly [List in keyof Lists]?: (row: Lists[List]) => void }
const adding: Adding = ADD_ENDED

interface Entry {
  /** Undefined: its owner is gone. */
  read(): unknown
}

/** Each costs about 100 bytes. */
const ENTRIES_MAX = 65_536

const lists = new Map<keyof Lists, Set<Entry>>()
/** Owners that are not listed, because there were too many. */
let unlisted = 0

/**
 * Lists `owner` until it ends: call the returned function then, which reads its figures for the last time. An owner that is forgotten leaves the list when it is collected as garbage.
 * `read` must not refer to the owner other than by its argument.
 */
export function register<List extends keyof Lists, Owner extends object>(
  list: List,
  owner: Owner,
  read: (owner: Owner) => Lists[List],
): () => void {
  const entries = entriesOf(list)
  if (entries.size >= ENTRIES_MAX) sweep(entries)
  if (entries.size >= ENTRIES_MAX) {
    unlisted += 1
    return () => {}
  }
  const reference = new WeakRef(owner)
  const entry: Entry = {
    read: () => {
      const present = reference.deref()
      return present === undefined ? undefined : read(present)
    },
  }
  entries.add(entry)
  return () => {
    const add: Adding[List] = adding[list]
    if (!entries.delete(entry) || add === undefined) return
    const row = entry.read() as Lists[List] | undefined
    if (row !== undefined) add(row)
  }
}

/** The rows of a list, at most `max`, and how many more there are. */
export function rowsOf<List extends keyof Lists>(
  list: List,
  max: number,
): { readonly rows: Lists[List][]; readonly omitted: number } {
  const entries = entriesOf(list)
  const rows: Lists[List][] = []
  let omitted = 0
  for (const entry of entries) {
    if (rows.length >= max) {
      omitted += 1
      continue
    }
    const row = entry.read()
    if (row === undefined) entries.delete(entry)
    else rows.push(row as Lists[List])
  }
  return { rows, omitted }
}

/** Owners that no snapshot has. */
export function unlistedCount(): number {
  return unlisted
}

function entriesOf(list: keyof Lists): Set<Entry> {
  let entries = lists.get(list)
  if (entries === undefined) {
    entries = new Set()
    lists.set(list, entries)
  }
  return entries
}

function sweep(entries: Set<Entry>): void {
  for (const entry of entries) if (entry.read() === undefined) entries.delete(entry)
}
