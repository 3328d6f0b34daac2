// The actions of the processes of a run, in one file for each process. A line is written before the next step of its process, so it survives SIGKILL.
//   <nanoseconds of the monotonic clock, which all processes share> <what> <id> <more>
import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Returns a function that appends a line. */
export function openLedger(directory, name) {
  const file = openSync(join(directory, name), 'a')
  return (...words) => writeSync(file, `${process.hrtime.bigint()} ${words.join(' ')}\n`)
}

/** All lines, in the order of their times. */
export function readLedgers(directory) {
  const lines = readdirSync(directory).flatMap((name) =>
    readFileSync(join(directory, name), 'utf8')
      .split('\n')
      // A process that was killed can have written a part of its last line.
      .slice(0, -1)
      .map((line) => {
        const [time, what, id, ...more] = line.split(' ')
        return { process: name, time: BigInt(time), what, id, more }
      }),
  )
  return lines.toSorted((a, b) => (a.time < b.time ? -1 : 1))
}
