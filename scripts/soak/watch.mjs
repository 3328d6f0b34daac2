// Detects an exchange that has stalled. It only reads and reports, and repairs nothing.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { readProgress } from './oracle.mjs'

const POLL_MS = 500
/** A published message that is not delivered for this time, while both processes are idle, means a lost wake-up. */
const STALL_MS = 5_000
/** The processes are busy, but make no progress. */
const HANG_MS = 60_000
/** A share of one processor; the timers of an idle process take less. */
const IDLE_SHARE_MAX = 0.05
const TICK_MS = 10

/** Watches until `stop()`; `stalled` resolves with a report if nothing moves. `held()`: whether they are stopped now. */
export class Watch {
  stalled
  #timer
  #children
  #files
  #held
  #seen = ''
  #cpuMs = 0
  #sinceMs = performance.now()

  constructor(children, files, held = () => false) {
    this.#children = children
    this.#files = files
    this.#held = held
    this.stalled = new Promise((resolve) => {
      this.#timer = setInterval(() => {
        const report = this.#poll()
        if (report === undefined) return
        this.stop()
        resolve(report)
      }, POLL_MS)
    })
  }

  stop() {
    clearInterval(this.#timer)
  }

  #poll() {
    const seen = JSON.stringify(this.#files.map(readProgressIfThere))
    const cpuMs = this.#children.reduce((sum, { pid }) => sum + cpuMsOf(pid), 0)
    const nowMs = performance.now()
    if (seen !== this.#seen || this.#held()) {
      this.#seen = seen
      this.#cpuMs = cpuMs
      this.#sinceMs = nowMs
      return undefined
    }
    const stillMs = nowMs - this.#sinceMs
    const isIdle = cpuMs - this.#cpuMs < stillMs * IDLE_SHARE_MAX
    if (stillMs < (isIdle ? STALL_MS : HANG_MS)) return undefined
    const lines = this.#children.flatMap(({ pid }) => describeSegments(pid))
    const what = isIdle ? 'a wake-up was lost: both are idle' : 'it hangs'
    return [`${what}, and nothing has moved for ${Math.round(stillMs)} ms at ${seen}`, ...lines].join('\n  ')
  }
}

function readProgressIfThere(file) {
  try {
    return readProgress(file)
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

/** The CPU time of the process; 0 if it has ended. */
function cpuMsOf(pid) {
  try {
    // After the name, which can contain any character: state is the first, utime the 12th, stime the 13th (proc_pid_stat(5)).
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return 0
    throw error
  }
}

const CONTROL_OFFSET = 4096
const CONTROL_BYTES = 1024
/** docs/memory-layout.md, control block. */
const WORDS = { data_wake: 256, room_wake: 384, wake_sequence: 512, state: 640 }
const COUNTERS = [
  'messages_written',
  'bytes_written',
  'messages_read',
  'bytes_read',
  'doorbell_wakes',
  'sequence_wakes',
  'data_waits',
  'room_waits',
]
const COUNTERS_OFFSET = 768
const TIMES = { wake_sent_at: 896, woken_at: 904 }

/** The control blocks in the mappings of a process: its own, writable, and its peer's. One line for each. */
export function describeSegments(pid) {
  let maps
  try {
    maps = readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')
  } catch (error) {
    return [`process ${pid}: ${error.message}`]
  }
  return maps
    .filter((line) => line.includes('/memfd:shmwire'))
    .map((line) => {
      const [, start, access] = /^([0-9a-f]+)-[0-9a-f]+ (\S+)/.exec(line)
      const whose = access.startsWith('rw') ? 'own' : 'peer'
      try {
        return `process ${pid}, ${whose} segment: ${describeControl(readMemory(pid, Number.parseInt(start, 16)))}`
      } catch (error) {
        return `process ${pid}, ${whose} segment: ${error.message}`
      }
    })
}

function readMemory(pid, start) {
  const bytes = Buffer.alloc(CONTROL_BYTES)
  const file = openSync(`/proc/${pid}/mem`, 'r')
  try {
    readSync(file, bytes, 0, bytes.length, start + CONTROL_OFFSET)
    return bytes
  } finally {
    closeSync(file)
  }
}

function describeControl(bytes) {
  const positions = [`tail ${bytes.readBigUInt64LE(0)}`, `head ${bytes.readBigUInt64LE(128)}`]
  const words = Object.entries(WORDS).map(
    ([name, offset]) => `${name} 0x${bytes.readUInt32LE(offset).toString(16)}`,
  )
  const counters = COUNTERS.map(
    (name, index) => `${name} ${bytes.readBigUInt64LE(COUNTERS_OFFSET + 8 * index)}`,
  )
  const times = Object.entries(TIMES).map(([name, offset]) => `${name} ${bytes.readBigUInt64LE(offset)}`)
  return [...positions, ...words, ...counters, ...times].join(', ')
}
