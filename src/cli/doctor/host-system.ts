import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'

/** The facts about the machine that the checks read. Tests have others. */
export interface HostSystem {
  readonly platform: NodeJS.Platform
  readonly env: NodeJS.ProcessEnv
  /** Returns the text of a file; undefined if it cannot be read. */
  readonly readText: (path: string) => string | undefined
  /** Cores that this process may use. */
  readonly coresUsable: number
  readonly coresInstalled: number
  /** Processes that run or wait for a core, on average of the last minute. */
  readonly loadAverage: number
  /** The limit of the control group in bytes; undefined without one. */
  readonly memoryLimitBytes: number | undefined
  /** The rest of the limit. */
  readonly memoryLeftBytes: number
}

export function hostSystem(env: NodeJS.ProcessEnv): HostSystem {
  return {
    platform: process.platform,
    env,
    readText,
    coresUsable: availableParallelism(),
    coresInstalled: cpus().length,
    loadAverage: loadavg()[0] ?? 0,
    memoryLimitBytes: memoryLimit(),
    memoryLeftBytes: process.availableMemory?.() ?? Number.POSITIVE_INFINITY,
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // It does not exist on this system, or only other users may read it.
    return undefined
  }
}

/** Without a limit, Node.js reports 0 or more than any machine has, and Bun the memory of the machine. */
function memoryLimit(): number | undefined {
  const bytes = process.constrainedMemory?.() ?? 0
  return bytes > 0 && bytes < totalmem() ? bytes : undefined
}
