import { describe, expect, it } from 'vitest'
import type { TopRow } from '../../../../src/cli/top/top-rows.js'
import { keysOf, SORT_NAMES, TopView } from '../../../../src/cli/top/top-view.js'

function row(changes: Partial<TopRow>): TopRow {
  return {
    pid: 1,
    threadId: 0,
    kind: 'channel',
    name: 'a',
    peer: '',
    messagesPerSecond: 0,
    bytesPerSecond: 0,
    depthBytes: 0,
    highWaterBytes: 0,
    wakesPerSecond: 0,
    spinsPerSecond: 0,
    drops: undefined,
    lag: undefined,
    ...changes,
  }
}

const ROWS = [
  row({ name: 'slow', messagesPerSecond: 1, pid: 30 }),
  row({ name: 'fast', messagesPerSecond: 9, pid: 20, kind: 'topic', lag: 3 }),
  row({ name: 'none', messagesPerSecond: undefined, pid: 10 }),
]
const namesOf = (view: TopView, rows: readonly TopRow[] = ROWS): string[] =>
  view.arrange(rows).map(({ name }) => name)

function pressAll(view: TopView, input: string): void {
  for (const key of keysOf(input)) view.press(key)
}

describe('the view of shmwire top', () => {
  it('begins with the most messages; rows without the figure come last, in either direction', () => {
    const view = new TopView()
    expect(namesOf(view)).toEqual(['fast', 'slow', 'none'])
    view.press('I')
    expect(namesOf(view)).toEqual(['slow', 'fast', 'none'])
  })

  it('has the orders of the keys of htop', () => {
    const view = new TopView()
    view.press('N')
    expect(namesOf(view)).toEqual(['none', 'fast', 'slow'])
    view.press('T')
    expect([view.sort, namesOf(view)[0]]).toEqual(['lag', 'fast'])
    view.press('M')
    expect(view.sort).toBe('bytes')
    view.press('P')
    expect(view.sort).toBe('messages')
  })

  it('visits all columns with < and >', () => {
    const view = new TopView('pid')
    const seen = SORT_NAMES.map(() => {
      view.press('>')
      return view.sort
    })
    expect(seen).toEqual([...SORT_NAMES.slice(1), 'pid'])
    view.press('<')
    expect(view.sort).toBe(SORT_NAMES.at(-1))
  })

  it('filters by the text that is typed, until Escape', () => {
    const view = new TopView()
    pressAll(view, '/topicX\x7f\r')
    expect([view.filter, view.isTyping, namesOf(view)]).toEqual(['topic', false, ['fast']])
    expect(view.press('q')).toBe('quit')
    pressAll(view, '\x1b')
    expect(namesOf(view)).toHaveLength(3)
    pressAll(view, '/q')
    expect([view.isTyping, view.filter]).toEqual([true, 'q'])
  })

  it('scrolls within the rows', () => {
    const view = new TopView()
    const rows = Array.from({ length: 25 }, (_, index) => row({ name: `${index}` }))
    const first = (): string | undefined => view.page(rows, 10)[0]?.name
    expect(first()).toBe('0')
    pressAll(view, '\x1b[B\x1b[B\x1b[A')
    expect(first()).toBe('1')
    pressAll(view, '\x1b[6~')
    expect(first()).toBe('11')
    pressAll(view, '\x1b[6~\x1b[6~')
    expect(first()).toBe('15')
    pressAll(view, '\x1b[H')
    expect(first()).toBe('0')
    pressAll(view, '\x1b[F')
    expect(view.page(rows.slice(0, 3), 10)).toHaveLength(3)
    expect(view.offset).toBe(0)
  })

  it('shows the help until the next key, and pauses', () => {
    const view = new TopView()
    view.press('h')
    expect(view.showsHelp).toBe(true)
    view.press('N')
    expect([view.showsHelp, view.sort]).toEqual([false, 'messages'])
    view.press('Z')
    expect(view.isPaused).toBe(true)
  })

  it.each(['q', '\x03', '\x1b[21~'])('ends with the key %j', (key) => {
    expect(new TopView().press(key)).toBe('quit')
  })

  it('ends with Ctrl-C also while a filter is typed', () => {
    const view = new TopView()
    view.press('/')
    expect(view.press('\x03')).toBe('quit')
  })

  it('ignores keys that it does not know', () => {
    for (const key of ['x', '\x1b[99~', '__proto__', 'constructor'])
      expect(new TopView().press(key)).toBe('none')
  })
})

describe('keysOf', () => {
  it('separates keys that arrive together', () => {
    expect(keysOf('a\x1b[A\x1bOPq\x1b[21~ü')).toEqual(['a', '\x1b[A', '\x1bOP', 'q', '\x1b[21~', 'ü'])
    expect(keysOf('')).toEqual([])
  })
})
