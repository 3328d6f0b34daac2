import { readdirSync, readFileSync } from 'node:fs'

/** The time of all threads of a process on a core, also of another process. In microseconds. */
export function cpuMicros(pid = process.pid) {
  const folder = `/proc/${pid}/task`
  let nanos = 0
  for (const task of readdirSync(folder)) {
    try {
      nanos += Number(readFileSync(`${folder}/${task}/schedstat`, 'utf8').split(' ')[0])
    } catch (error) {
      // The thread has ended meanwhile.
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error
    }
  }
  return nanos / 1000
}

/** The seconds of processor time that this process, as the client, and others, as the server, use from now on. */
export class CpuOfProcesses {
  #pids
  #begin

  constructor(pids) {
    this.#pids = pids
    this.#begin = this.#now()
  }

  seconds() {
    const { client, server } = this.#now()
    return { client: client - this.#begin.client, server: server - this.#begin.server }
  }

  #now() {
    const server = this.#pids.reduce((sum, pid) => sum + cpuMicros(pid), 0)
    return { client: cpuMicros() / 1e6, server: server / 1e6 }
  }
}
