/** The state of the table of `shmwire top`: the order of the rows, the part that is visible, and the keys that change them. */
import type { TopRow } from './top-rows.js'

export type SortName =
  | 'pid'
  | 'kind'
  | 'name'
  | 'messages'
  | 'bytes'
  | 'depth'
  | 'high'
  | 'wakes'
  | 'spins'
  | 'drops'
  | 'lag'

/** In the order of the columns. */
export const SORT_NAMES: readonly SortName[] = [
  'pid',
  'kind',
  'name',
  'messages',
  'bytes',
  'depth',
  'high',
  'wakes',
  'spins',
  'drops',
  'lag',
]

const VALUES: Readonly<Record<SortName, (row: TopRow) => number | string | undefined>> = {
  pid: ({ pid }) => pid,
  kind: ({ kind }) => kind,
  name: ({ name }) => name,
  messages: ({ messagesPerSecond }) => messagesPerSecond,
  bytes: ({ bytesPerSecond }) => bytesPerSecond,
  depth: ({ depthBytes }) => depthBytes,
  high: ({ highWaterBytes }) => highWaterBytes,
  wakes: ({ wakesPerSecond }) => wakesPerSecond,
  spins: ({ spinsPerSecond }) => spinsPerSecond,
  drops: ({ drops }) => drops,
  lag: ({ lag }) => lag,
}

/** Texts and ids begin with the first one, figures with the largest one. */
const ASCENDING: ReadonlySet<SortName> = new Set<SortName>(['pid', 'kind', 'name'])
const FILTER_CHARACTERS_MAX = 64

/** The keys of htop that have a meaning here. */
export type TopAction = 'quit' | 'redraw' | 'none'

const SORT_KEYS: Readonly<Record<string, SortName>> = { N: 'pid', P: 'messages', M: 'bytes', T: 'lag' }

export class TopView {
  sort: SortName
  filter: string
  isInverted = false
  isPaused = false
  showsHelp = false
  /** The user types a filter. */
  isTyping = false
  /** The first visible row. */
  offset = 0
  #rowCount = 0
  #pageRows = 1

  constructor(sort: SortName = 'messages', filter = '') {
    this.sort = sort
    this.filter = filter
  }

  /** The rows that pass the filter, in their order. */
  arrange(rows: readonly TopRow[]): TopRow[] {
    const wanted = this.filter.toLowerCase()
    const value = VALUES[this.sort]
    const direction = ASCENDING.has(this.sort) === this.isInverted ? -1 : 1
    return rows
      .filter(({ pid, kind, name, peer }) => `${pid} ${kind} ${name} ${peer}`.toLowerCase().includes(wanted))
      .toSorted(
        (a, b) => compare(value(a), value(b), direction) || a.pid - b.pid || compare(a.name, b.name, 1),
      )
  }

  /** The visible part of the arranged rows. */
  page(rows: readonly TopRow[], pageRows: number): TopRow[] {
    this.#rowCount = rows.length
    this.#pageRows = Math.max(1, pageRows)
    this.#scrollTo(this.offset)
    return rows.slice(this.offset, this.offset + this.#pageRows)
  }

  /** @param key one key, as the terminal sends it */
  press(key: string): TopAction {
    if (key === '\x03') return 'quit'
    if (this.isTyping) return this.#type(key)
    if (this.showsHelp) {
      this.showsHelp = false
      return key === 'q' ? 'quit' : 'redraw'
    }
    const sort = Object.hasOwn(SORT_KEYS, key) ? SORT_KEYS[key] : undefined
    if (sort !== undefined) {
      this.sort = sort
      return 'redraw'
    }
    return this.#command(key)
  }

  #command(key: string): TopAction {
    switch (key) {
      case 'q':
      case '\x1b[21~': // F10
        return 'quit'
      case '<':
      case ',':
        return this.#sortBy(-1)
      case '>':
      case '.':
      case '\x1b[17~': // F6
        return this.#sortBy(1)
      case 'I':
        this.isInverted = !this.isInverted
        return 'redraw'
      case 'Z':
        this.isPaused = !this.isPaused
        return 'redraw'
      case '\\':
      case '/':
      case '\x1bOS': // F4
        this.isTyping = true
        return 'redraw'
      case 'h':
      case '?':
      case '\x1bOP': // F1
        this.showsHelp = true
        return 'redraw'
      case '\x1b':
        this.filter = ''
        return 'redraw'
      default:
        return this.#scroll(key)
    }
  }

  #scroll(key: string): TopAction {
    switch (key) {
      case '\x1b[A':
      case '\x1bOA':
        return this.#scrollTo(this.offset - 1)
      case '\x1b[B':
      case '\x1bOB':
        return this.#scrollTo(this.offset + 1)
      case '\x1b[5~':
        return this.#scrollTo(this.offset - this.#pageRows)
      case '\x1b[6~':
      case ' ':
        return this.#scrollTo(this.offset + this.#pageRows)
      case '\x1b[H':
      case '\x1b[1~':
        return this.#scrollTo(0)
      case '\x1b[F':
      case '\x1b[4~':
        return this.#scrollTo(this.#rowCount)
      default:
        return 'none'
    }
  }

  #scrollTo(offset: number): TopAction {
    this.offset = Math.max(0, Math.min(offset, this.#rowCount - this.#pageRows))
    return 'redraw'
  }

  #sortBy(step: number): TopAction {
    const index = SORT_NAMES.indexOf(this.sort) + step
    this.sort = SORT_NAMES[(index + SORT_NAMES.length) % SORT_NAMES.length] as SortName
    return 'redraw'
  }

  #type(key: string): TopAction {
    if (key === '\r' || key === '\n') this.isTyping = false
    else if (key === '\x1b') {
      this.isTyping = false
      this.filter = ''
    } else if (key === '\x7f' || key === '\b') this.filter = this.filter.slice(0, -1)
    else if (/^[\x20-\x7e]$/.test(key) && this.filter.length < FILTER_CHARACTERS_MAX) this.filter += key
    return 'redraw'
  }
}

/** A sequence of a special key, or one character. */
const KEYS = new RegExp(String.raw`${'\x1b'}(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z])|[\s\S]`, 'gu')

/** Splits the bytes that a terminal sends at once into keys. */
export function keysOf(input: string): string[] {
  return input.match(KEYS) ?? []
}

/** A row without the figure comes last. */
function compare(a: number | string | undefined, b: number | string | undefined, direction: number): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined)
  if (a === b) return 0
  return a < b ? -direction : direction
}
