import type { CommandIo } from '../command.js'
import { formatBytes, formatNanos, formatRate } from '../figures.js'
import type { BenchResult } from './bench-result.js'
import type { Carrier } from './measure-carrier.js'

const NAME_WIDTH = 26
const COLUMN_WIDTH = 14
const RATIO_DIGITS = 2

interface Row {
  readonly name: string
  readonly of: (carrier: Carrier) => number
  readonly format: (value: number) => string
  /** Whether a larger value is better. */
  readonly isRate: boolean
}

/** The text of `shmwire bench`. */
export function benchReport(result: BenchResult, style: CommandIo['style']): string {
  const { machine, shm, socket, fallbackReason } = result
  const head = [
    ['machine', `${machine.cpu}, ${machine.cores} cores, load ${machine.loadAverage}`],
    ['system', `${machine.kernel}, ${machine.architecture}`],
    ['runtime', `${machine.runtime}, shmwire ${result.shmwire}`],
  ].map(([name = '', text = '']) => `${style('dim', name.padEnd(9))}${text}`)
  const titles = ['', 'shared memory', 'socket', 'ratio']
  const rows = rowsOf(result.messageBytes, socket.longBytes).map((row) => {
    const value = row.of(socket)
    if (shm === undefined) return line([row.name, 'none', row.format(value), ''])
    const shared = row.of(shm)
    const ratio = row.isRate ? shared / value : value / shared
    return line([row.name, row.format(shared), row.format(value), `${ratio.toPrecision(RATIO_DIGITS)} ×`])
  })
  const reason =
    shm === undefined
      ? `\n${style('yellow', 'no shared memory')}: ${fallbackReason}\n'shmwire doctor' names the fix.\n`
      : ''
  const busy =
    machine.loadAverage >= machine.cores
      ? `\n${style('yellow', 'busy machine')}: other programs use the cores; measure again when the load is below ${machine.cores}\n`
      : ''
  return `${head.join('\n')}\n\n${style('bold', line(titles))}\n${rows.join('\n')}\n${reason}${busy}`
}

function rowsOf(messageBytes: number, longBytes: number): readonly Row[] {
  const short = formatBytes(messageBytes)
  const time = { format: formatNanos, isRate: false }
  return [
    { ...time, name: `round trip, ${short}`, of: ({ roundTrip }) => roundTrip.medianNanos },
    { ...time, name: '  99th percentile', of: ({ roundTrip }) => roundTrip.p99Nanos },
    {
      ...time,
      name: `round trip, ${formatBytes(longBytes)}`,
      of: (carrier) => carrier.longRoundTrip.medianNanos,
    },
    { name: `one way, ${short}`, of: (carrier) => carrier.oneWayPerSecond, format: formatRate, isRate: true },
  ]
}

function line([name = '', ...columns]: readonly string[]): string {
  return `${name.padEnd(NAME_WIDTH)}${columns.map((text) => text.padStart(COLUMN_WIDTH)).join('')}`.trimEnd()
}
