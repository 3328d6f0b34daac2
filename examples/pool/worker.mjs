// A worker of the pool: it serves its functions at the address that the pool gave it.
import { scryptSync } from 'node:crypto'
import { workerData } from 'node:worker_threads'
import { serve } from 'shmwire'

await serve(workerData.address, {
  add: ({ a, b }) => a + b,
  hash: ({ password, salt }) => scryptSync(password, salt, 32).toString('hex', 0, 4),
  crash() {
    setImmediate(() => {
      throw new Error('this worker crashes')
    })
    return new Promise(() => {})
  },
})
