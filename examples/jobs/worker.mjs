// Runs jobs: node worker.mjs ADDRESS
import { scryptSync } from 'node:crypto'
import { work } from 'shmwire'

await work(
  process.argv[2],
  ({ n, crash = false }, { attempt }) => {
    // This job ends its worker each time. Its attempts are counted, so it cannot run for ever.
    if (crash) process.exit(1)
    const hash = scryptSync(String(n), 'salt', 16).toString('hex', 0, 4)
    return `${n} has the hash ${hash} at attempt ${attempt}`
  },
  { concurrency: 2 },
)
