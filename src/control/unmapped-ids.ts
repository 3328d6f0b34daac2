/**
 * Users and groups that our user namespace does not map. The kernel reports each of them as the overflow id,
 * usually 65534 (user_namespaces(7)), so in such a namespace that number identifies nobody, even where it is mapped too.
 */
import { readFileSync } from 'node:fs'

/** Of Linux, unless an administrator has changed it. */
const OVERFLOW_ID_DEFAULT = 65_534
/** All numbers of 32 bits but the last, which means "none". */
const IDS_OF_KERNEL = 2 ** 32 - 1

/**
 * Whether `id`, as the kernel reports it, may stand for a user or group that our namespace does not map. True also when
 * it is the overflow id and `/proc` does not tell what is mapped.
 */
export function mayBeUnmapped(kind: 'uid' | 'gid', id: number, proc = '/proc'): boolean {
  if (process.platform !== 'linux' || id !== overflowId(kind, proc)) return false
  return mappedIds(kind, proc) < IDS_OF_KERNEL
}

function overflowId(kind: 'uid' | 'gid', proc: string): number {
  const id = Number.parseInt(read(`${proc}/sys/kernel/overflow${kind}`) ?? '', 10)
  return Number.isInteger(id) ? id : OVERFLOW_ID_DEFAULT
}

/** Each line is a range: its first id inside, its first id outside, its length. Ranges do not overlap. */
function mappedIds(kind: 'uid' | 'gid', proc: string): number {
  const ranges = (read(`${proc}/self/${kind}_map`) ?? '').trim().split('\n')
  const lengths = ranges.map((range) => Number(range.trim().split(/\s+/)[2]))
  const sum = lengths.reduce((total, length) => total + length, 0)
  return Number.isInteger(sum) ? sum : 0
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return undefined
  }
}
