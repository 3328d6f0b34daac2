import { createCell, watch } from '../../dist/index.js'
import { CpuClock, figuresOf } from '../support/figures.mjs'
import { newName, turn } from './processes.mjs'

const BATCH = 1_000

/** Reads a cell in the process that writes it. With `changes`, the time of as many calls of `set` alone is subtracted. */
export async function readCell(changes, { messageBytes, warmUpMs, durationMs }) {
  const name = newName()
  const value = Buffer.alloc(messageBytes, 1)
  const cell = await createCell(name, value, { codec: 'bytes' })
  const reader = await watch(name, { codec: 'bytes' })
  if (reader.transport !== 'shm') throw new Error(`the watch reads over ${reader.transport}`)
  const readBatch = () => {
    const both = timed(() => {
      if (changes) void cell.set(value)
      reader.get()
    })
    return changes ? both - timed(() => void cell.set(value)) : both
  }
  const readFor = async (lengthMs) => {
    const endsAt = performance.now() + lengthMs
    let [calls, nanos] = [0, 0]
    while (performance.now() < endsAt) {
      nanos += readBatch()
      calls += BATCH
      // Wake-ups and promises of other work get a turn.
      await turn()
    }
    return { calls, nanos }
  }
  try {
    await readFor(warmUpMs)
    const cpu = new CpuClock()
    const { calls, nanos } = await readFor(durationMs)
    const cpuSeconds = { client: cpu.seconds(), server: 0 }
    const figures = figuresOf({ messages: calls, seconds: nanos / 1e9, cpuSeconds })
    return { ...figures, meanNanos: nanos / calls }
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
