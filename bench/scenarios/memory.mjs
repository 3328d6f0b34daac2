import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openMany } from '../support/connections.mjs'
import { answerMarks, askPeer, isMark } from '../support/marks.mjs'

const CHANNELS = 200

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Memory of a channel',
  question: `How much memory does one more open channel take, on both sides together, rings included? The mean of ${CHANNELS}; socket buffers of the kernel are not included.`,
  headline: { name: 'memory', unit: 'bytes', of: ({ bytesPerChannel }) => bytesPerChannel },
  options: { connections: CHANNELS, extraMs: 30_000, expectedMs: 700 },
  cases: [
    { name: 'default', title: 'Memory of a channel', options: {} },
    { name: 'small', title: 'Memory of a channel, rings of 64 KiB', options: { ringBytes: 64 * 1024 } },
  ],
  // It hardly varies.
  lengths: { whole: { repetitions: 2 } },
  needs: ['many'],

  serve(connection) {
    const marks = answerMarks(connection, { bytes: () => ({ bytes: privateBytes() }) })
    connection.onMessage = (message) => {
      if (!isMark(message)) throw new Error('a message came')
      marks(message)
    }
  },

  async measure(connection, { connections }, connect) {
    // The first channels load code and pools that all later ones share.
    const warm = await openMany(connection, connect, CHANNELS / 10)
    const beginMs = performance.now()
    const before = await allBytes(connection)
    const open = await openMany(connection, connect, connections + 1)
    const after = await allBytes(connection)
    if (warm.length + open.length - 1 < connections) throw new Error('too few channels')
    return {
      seconds: (performance.now() - beginMs) / 1000,
      bytesPerChannel: (after.all - before.all) / connections,
      sharedBytesPerChannel: (after.shared - before.shared) / connections,
    }
  },
}

/** The shared memory of the machine, and together with it the private memory of both processes. */
async function allBytes(connection) {
  await sleep(100)
  const server = await askPeer(connection, 'bytes')
  const shared = kibibytes('/proc/meminfo', 'Shmem')
  return { shared, all: privateBytes() + server.bytes + shared }
}

function privateBytes() {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return kibibytes('/proc/self/smaps_rollup', 'Pss_Anon')
}

function kibibytes(file, name) {
  const found = new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(readFileSync(file, 'latin1'))
  if (found === null) throw new Error(`${file} has no ${name}`)
  return Number(found[1]) * 1024
}
