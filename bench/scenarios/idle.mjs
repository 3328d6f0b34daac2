import { setTimeout as sleep } from 'node:timers/promises'
import { openMany } from '../support/connections.mjs'
import { answerMarks, askPeer, isMark } from '../support/marks.mjs'

const CHANNELS = 1000
const RING_BYTES = 64 * 1024
/** Collectors and pollers work on after the last handshake; V8's collector runs for half a minute. */
const SETTLE_MS = { short: 1000, whole: 35_000 }

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: `${CHANNELS.toLocaleString('en')} open, idle channels`,
  question: `How much CPU time do ${CHANNELS.toLocaleString('en')} open channels take while no messages are sent, over 5 s, half a minute after the last one was opened? All competitors rest at the same time. Rings of ${RING_BYTES / 1024} KiB.`,
  headline: { name: "server's CPU", unit: 'percent', of: ({ cpuPercent }) => cpuPercent.server },
  options: { connections: CHANNELS, ringBytes: RING_BYTES, extraMs: 120_000, settleMs: SETTLE_MS.short },
  lengths: {
    whole: { durationMs: 5000, repetitions: 2, settleMs: SETTLE_MS.whole, expectedMs: 50_000 },
  },
  isTogether: true,
  needs: ['many'],

  serve(connection) {
    let usage
    const marks = answerMarks(connection, {
      begin() {
        usage = new Usage()
      },
      end: () => usage.until(),
    })
    connection.onMessage = (message) => {
      if (!isMark(message)) throw new Error('a message came on an idle channel')
      marks(message)
    }
  },

  async measure(connection, { connections, durationMs, settleMs }, connect) {
    const open = await openMany(connection, connect, connections)
    const broken = []
    for (const one of open) one.onClose = () => broken.push(one)
    await sleep(settleMs)
    await askPeer(connection, 'begin')
    const usage = new Usage()
    await sleep(durationMs)
    const client = usage.until()
    const server = await askPeer(connection, 'end')
    if (broken.length > 0) throw new Error(`${broken.length} of ${open.length} channels closed`)
    const both = (key) => ({ client: client[key], server: server[key], both: client[key] + server[key] })
    return {
      seconds: client.seconds,
      cpuPercent: both('cpuPercent'),
      wakeUpsPerSecond: both('wakeUpsPerSecond'),
    }
  },
}

/** Measures the CPU time of this process from now on. */
class Usage {
  #begin = process.resourceUsage()
  #beginMs = performance.now()

  until() {
    const now = process.resourceUsage()
    const seconds = (performance.now() - this.#beginMs) / 1000
    const of = (key) => now[key] - this.#begin[key]
    return {
      seconds,
      cpuPercent: ((of('userCPUTime') + of('systemCPUTime')) / 1e6 / seconds) * 100,
      // After each wake-up the process sleeps again.
      wakeUpsPerSecond: of('voluntaryContextSwitches') / seconds,
    }
  }
}
