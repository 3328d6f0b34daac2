// The time of `get` of a watch over shared memory: of a value that stays, and of one that is new at each call.
import { createCell, watch } from '../../dist/index.js'
import { newName } from './processes.mjs'

const VALUE_BYTES = 1024
const BATCH = 1_000

export const cellRow = {
  name: 'cell.get() of 1 KiB',
  setups: {
    'value that stays': (seconds) => read(seconds, false),
    'new value': (seconds) => read(seconds, true),
  },
  figures: [{ label: 'time', key: 'nanos', unit: 'ns', digits: 0 }],
}

/** With `changes`, the time of as many calls of `set` alone is subtracted. */
async function read(seconds, changes) {
  const name = newName()
  const value = Buffer.alloc(VALUE_BYTES, 1)
  const cell = await createCell(name, value, { codec: 'bytes' })
  const reader = await watch(name, { codec: 'bytes' })
  if (reader.transport !== 'shm') throw new Error(`the watch reads over ${reader.transport}`)
  try {
    let calls = 0
    let nanos = 0
    const endsAt = performance.now() + seconds * 1000
    while (performance.now() < endsAt) {
      nanos += timed(() => {
        if (changes) void cell.set(value)
        reader.get()
      })
      if (changes) nanos -= timed(() => void cell.set(value))
      calls += BATCH
      // Wake-ups and promises of other work get a turn.
      await new Promise((resolve) => setImmediate(resolve))
    }
    return { nanos: nanos / calls }
  } finally {
    await reader.close()
    await cell.close()
  }
}

function timed(run) {
  const beganAt = performance.now()
  for (let n = 0; n < BATCH; n += 1) run()
  return (performance.now() - beganAt) * 1e6
}
