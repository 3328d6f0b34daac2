import { dirname, join } from 'node:path/posix'
import type { HostSystem } from './host-system.js'

const ROOT = '/sys/fs/cgroup'
/** The kernel allows fewer levels by default in practice; this bounds a malformed path. */
const LEVELS_MAX = 64

/**
 * The smallest value of a file in the control group (version 2) of this process and the groups around it; undefined if none has one. In a
 * container, the group of this process is usually the root.
 */
export function cgroupMinimum(
  { platform, readText }: Pick<HostSystem, 'platform' | 'readText'>,
  file: string,
  parse: (text: string) => number | undefined,
): number | undefined {
  if (platform !== 'linux') return undefined
  const path = /^0::(\/.*)$/m.exec(readText('/proc/self/cgroup') ?? '')?.[1]
  if (path === undefined) return undefined
  const values: number[] = []
  let group = join(ROOT, path)
  for (let level = 0; level < LEVELS_MAX && group.startsWith(ROOT); level += 1) {
    const value = parse(readText(join(group, file)) ?? '')
    if (value !== undefined) values.push(value)
    group = dirname(group)
  }
  return values.length === 0 ? undefined : Math.min(...values)
}
