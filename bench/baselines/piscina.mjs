import { availableParallelism } from 'node:os'
import { loadPackage } from '../support/packages.mjs'

/** @type {import('./baseline.js').CallBaseline} */
export const baseline = {
  title: 'piscina',
  packages: ['piscina'],
  isVariant: true,
  startsServer: true,

  async connect() {
    const { Piscina } = loadPackage('piscina')
    const threads = Math.max(1, availableParallelism() - 1)
    const filename = new URL('../support/piscina-worker.mjs', import.meta.url).href
    const pool = new Piscina({ filename, name: 'add', minThreads: threads, maxThreads: threads })
    return { transport: 'worker', call: (task) => pool.run(task), close: () => pool.destroy() }
  },
}
