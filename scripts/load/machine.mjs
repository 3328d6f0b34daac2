import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'

const GIB = 1024 ** 3

/** The machine of a run, for its report. */
export function describeMachine() {
  return {
    cpu: `${availableParallelism()} × ${cpus()[0].model.trim()}`,
    memory: `${(totalmem() / GIB).toFixed(1)} GiB`,
    kernel: `${type()} ${release()}`,
    node: process.versions.node,
    loadAverage: loadavg().map((value) => Number(value.toFixed(2))),
  }
}
