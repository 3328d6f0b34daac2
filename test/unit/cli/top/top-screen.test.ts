import { EventEmitter } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { LiveScreen } from '../../../../src/cli/top/live-screen.js'
import { topProcesses, topRows } from '../../../../src/cli/top/top-rows.js'
import { printedLines, screenLines, type TopSample } from '../../../../src/cli/top/top-screen.js'
import { TopView } from '../../../../src/cli/top/top-view.js'
import type { Snapshot } from '../../../../src/observe/figures.js'
import { snapshotAt } from '../../../support/top-snapshots.js'

function sampleOf(before: Snapshot[], now: Snapshot[]): TopSample {
  return { processes: topProcesses(before, now), rows: topRows(before, now), unanswered: [] }
}

const SAMPLE = sampleOf([snapshotAt(1_000)], [snapshotAt(3_000)])
const plain = { out: () => {}, error: () => {}, style: (_format: unknown, text: string) => text }

describe('the rows of shmwire top', () => {
  it('have the rates between two snapshots, by the clock of the process', () => {
    expect(SAMPLE.rows.find(({ kind }) => kind === 'channel')).toEqual({
      pid: 42,
      threadId: 0,
      kind: 'channel',
      name: 'prices',
      peer: '← shm 7',
      messagesPerSecond: 1_000,
      bytesPerSecond: 2_048_000,
      depthBytes: 512,
      highWaterBytes: 4_096,
      wakesPerSecond: 100,
      spinsPerSecond: 500,
      drops: undefined,
      lag: undefined,
    })
    expect(SAMPLE.rows.find(({ kind }) => kind === 'subscription')).toMatchObject({ lag: 5, drops: 1 })
    expect(SAMPLE.processes).toEqual([
      {
        pid: 42,
        threadId: 0,
        title: 'server.mjs',
        cpuPercent: 50,
        residentBytes: 50 * 1024 * 1024,
        openDescriptors: 21,
        loopPercent: 20,
        loopDelayMs: 1,
        loopDelayP99Ms: 1,
      },
    ])
  })

  it('have rates since the start for a process that is new', () => {
    const [channel] = sampleOf([], [snapshotAt(2_000)]).rows
    expect(channel?.messagesPerSecond).toBe(1_000)
  })
})

describe('the screen of shmwire top', () => {
  it('prints the processes and a table', () => {
    const lines = printedLines(SAMPLE, new TopView(), plain)
    expect(lines[0]).toBe(
      '42 server.mjs  cpu 50.0 %  loop 20.0 %  delay 1.0 ms (p99 1.0 ms)  rss 50.0M  fds 21',
    )
    expect(lines.slice(1)).toEqual([
      '',
      'PID  KIND     NAME    PEER            MSG/S▽  BYTES/S  DEPTH  HIGH  WAKES/S  SPINS/S  DROPS  LAG',
      ' 42  channel  prices  ← shm 7           1.0k     2.0M    512  4.0K      100      500      -    -',
      ' 42  topic    t       subscribers: 1       0        0      -     -        0        -      0    -',
      ' 42  sub      t       ← shm                0        -      -     -        -        -      1    5',
    ])
  })

  it.each([
    [80, 24],
    [20, 5],
    [1, 1],
    [200, 3],
  ])('fits into %i columns and %i rows', (columns, rows) => {
    for (const press of ['', 'h', '/x']) {
      const view = new TopView()
      for (const key of press) view.press(key)
      const lines = screenLines(SAMPLE, view, plain, { columns, rows })
      expect(lines).toHaveLength(rows)
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns)
    }
  })

  it('counts one row in the singular', () => {
    const [row] = SAMPLE.rows
    const sample = { ...SAMPLE, rows: row === undefined ? [] : [row] }
    const last = (shown: typeof SAMPLE): string | undefined =>
      screenLines(shown, new TopView(), plain, { columns: 80, rows: 24 }).at(-1)
    expect(last(sample)).toMatch(/^1 row /)
    expect(last({ ...SAMPLE, rows: [] })).toMatch(/^0 rows /)
  })

  it('marks the column of the order', () => {
    const view = new TopView('lag')
    view.press('I')
    expect(printedLines(SAMPLE, view, plain).join('\n')).toContain('LAG△')
  })

  it('says that no process answers, and names servers without an answer', () => {
    const unanswered = [
      { address: 'a', code: 'X', message: 'no' },
      { address: 'b', code: 'X', message: 'no' },
    ]
    const lines = printedLines({ processes: [], rows: [], unanswered }, new TopView(), plain)
    expect(lines.slice(0, 2)).toEqual(['no process answers', 'without an answer: a (no), and 1 more'])
  })
})

class FakeTerminal extends EventEmitter {
  written = ''
  isRaw = false
  columns = 80
  rows = 24
  setRawMode(isRaw: boolean): this {
    this.isRaw = isRaw
    return this
  }
  resume(): this {
    return this
  }
  pause(): this {
    return this
  }
  write(text: string): boolean {
    this.written += text
    return true
  }
}

describe('the live screen', () => {
  it('uses the alternate screen, and shows the normal one again, also when the process ends', () => {
    const terminal = new FakeTerminal()
    const keys: string[] = []
    let resized = 0
    const screen = new LiveScreen(
      terminal as never,
      terminal as never,
      (key) => keys.push(key),
      () => {
        resized += 1
      },
    )
    onTestFinished(() => screen.close())
    expect([terminal.written, terminal.isRaw]).toEqual(['\x1b[?1049h\x1b[?25l', true])
    terminal.emit('data', Buffer.from('h\x1b[A'))
    terminal.emit('resize')
    expect([keys, resized]).toEqual([['h', '\x1b[A'], 1])
    screen.draw(['one', 'two'])
    // In place: the screen is never cleared.
    expect(terminal.written.slice(14)).toBe('\x1b[?2026h\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[?2026l')
    terminal.written = ''
    const [restore] = process.listeners('exit').slice(-1)
    restore?.(0)
    expect([terminal.written, terminal.isRaw]).toEqual(['\x1b[?25h\x1b[?1049l', false])
    screen.close()
    expect(terminal.written).toBe('\x1b[?25h\x1b[?1049l')
    expect(terminal.listenerCount('data') + terminal.listenerCount('resize')).toBe(0)
    expect(process.listeners('exit')).not.toContain(restore)
  })

  it('shows the normal screen again if the terminal refuses to leave the raw mode', () => {
    const terminal = new FakeTerminal()
    const screen = new LiveScreen(
      terminal as never,
      terminal as never,
      () => {},
      () => {},
    )
    terminal.setRawMode = () => {
      throw new Error('EIO')
    }
    expect(() => screen.close()).toThrow('EIO')
    expect(terminal.written.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true)
    screen.close()
  })

  it('has a usual size if the terminal does not state one', () => {
    const terminal = new FakeTerminal()
    terminal.columns = 0
    terminal.rows = 0
    const screen = new LiveScreen(
      terminal as never,
      terminal as never,
      () => {},
      () => {},
    )
    expect(screen.size).toEqual({ columns: 80, rows: 24 })
    screen.close()
  })
})
