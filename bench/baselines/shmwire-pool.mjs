import { Pool } from '../../examples/pool/pool.mjs'

/** @type {import('./baseline.js').CallBaseline} */
export const baseline = {
  title: 'shmwire, examples/pool',
  isVariant: true,
  startsServer: true,

  async connect() {
    const pool = await Pool.start(new URL('../../examples/pool/worker.mjs', import.meta.url))
    return { transport: 'shm', call: (task) => pool.call('add', task), close: () => pool.close() }
  },
}
