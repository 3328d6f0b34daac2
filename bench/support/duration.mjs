import { existsSync, readFileSync } from 'node:fs'

/** The start and the end of the processes of one repetition, on an idle machine with two cores. */
const PROCESSES_MS = 450
/** A program in C++ needs no such time, and has no warm-up. */
const PROGRAM_MS = 50
const OWN_STAT = '/proc/self/stat'
/** Of the unit of the times in /proc/PID/stat, `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Node supports. */
const TICKS_PER_SECOND = 100

/** How long the plan takes on an idle machine. */
export function secondsOf(plan) {
  const millis = plan.map(({ entries, options, repetitions, scenario }) => {
    const { warmUpMs, durationMs, expectedMs = 0 } = options
    const measured = entries.filter(({ absent }) => absent === undefined)
    const each = ({ program }) =>
      program === undefined ? PROCESSES_MS + warmUpMs + durationMs + expectedMs : PROGRAM_MS + durationMs
    const all = measured.map(each)
    const sum = all.reduce((before, one) => before + one, 0)
    return repetitions * (scenario.isTogether ? Math.max(0, ...all) : sum)
  })
  return millis.reduce((sum, one) => sum + one, 0) / 1000
}

/** The time since it was made, and the processor time of this process and of its children that have ended meanwhile. */
export class ProcessTimes {
  #beginMs = performance.now()
  #beginTicks = ticks()

  /** `cpuSeconds` is undefined where the system has no /proc. */
  now() {
    const seconds = Math.round((performance.now() - this.#beginMs) / 1000)
    const nowTicks = ticks()
    const cpuSeconds = nowTicks && Math.round((nowTicks - this.#beginTicks) / TICKS_PER_SECOND)
    return { seconds, cpuSeconds }
  }
}

/** proc(5), `utime`, `stime`, `cutime` and `cstime` in /proc/self/stat. */
function ticks() {
  if (!existsSync(OWN_STAT)) return undefined
  const stat = readFileSync(OWN_STAT, 'latin1')
  // Behind the name, which may hold spaces, the fields begin with the third.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0)
}

/** As `45 s` or `1 min 45 s`. */
export function showDuration(seconds) {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  return `${Math.floor(whole / 60)} min${whole % 60 === 0 ? '' : ` ${whole % 60} s`}`
}
