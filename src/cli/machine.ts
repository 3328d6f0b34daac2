import { arch, availableParallelism, cpus, loadavg, release, type as systemType } from 'node:os'

/** The machine and the runtime of a measurement. */
export interface Machine {
  readonly cpu: string
  /** That this process may use. */
  readonly cores: number
  readonly kernel: string
  readonly architecture: string
  readonly runtime: string
  /** Of the last minute; 0 on Windows, which has none. */
  readonly loadAverage: number
}

export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    kernel: `${systemType()} ${release()}`,
    architecture: arch(),
    runtime: runtimeName(),
    loadAverage: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  }
}

/** Bun and Deno also have the version of Node.js that they imitate. */
export function runtimeName(
  versions: Readonly<Record<string, string | undefined>> = process.versions,
): string {
  const { bun, deno, node } = versions
  if (bun !== undefined) return `Bun ${bun}`
  if (deno !== undefined) return `Deno ${deno}`
  return `Node.js ${node}`
}
