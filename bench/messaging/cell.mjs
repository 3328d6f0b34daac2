// The time of `get` of a watch on another process's cell: of a value that stays, and of one that is new at each call.
import { watch } from 'shmwire'
import { newName, startRole, stop } from './processes.mjs'

const VALUE_BYTES = 1024
const BATCH = 1_000

export const cellRow = {
  name: 'cell.get() of 1 KiB',
  setups: {
    'value that stays': (seconds) => read(seconds, 'never'),
    'value set as fast as possible': (seconds) => read(seconds, 0),
  },
  figures: [
    { label: 'time', key: 'nanos', unit: 'ns', digits: 0 },
    { label: 'new values', key: 'changes', unit: 'of 100 calls', digits: 1 },
  ],
}

async function read(seconds, pauseMs) {
  const name = newName()
  const writer = await startRole('cellWriter', name, VALUE_BYTES, pauseMs)
  const cell = await watch(name, { codec: 'bytes' })
  try {
    let calls = 0
    let changes = 0
    let last
    const beganAt = performance.now()
    const endsAt = beganAt + seconds * 1000
    let now = beganAt
    while (now < endsAt) {
      for (let n = 0; n < BATCH; n += 1) {
        const value = cell.get()
        if (value !== last) changes += 1
        last = value
      }
      calls += BATCH
      now = performance.now()
    }
    return { nanos: ((now - beganAt) * 1e6) / calls, changes: (100 * changes) / calls }
  } finally {
    await cell.close()
    await stop([writer])
  }
}
