/**
 * Users and groups that the user namespace of this process does not map. The kernel reports each of them as the overflow id, usually 65534
 * (user_namespaces(7)). In such a namespace, that number identifies no user, even if it is mapped too.
 */
import { readFileSync } from 'node:fs'

/** The default of Linux. */
const OVERFLOW_ID_DEFAULT = 65_534
/** All 32-bit numbers but the last, which means "none". */
const IDS_OF_KERNEL = 2 ** 32 - 1

/** The numbers of mapped ids, by file. They never change: a map is written once, and no process with threads changes its namespace. */
const mappedIdsByFile = new Map<string, number>()

/**
 * Whether `id`, as the kernel reports it, can stand for an unmapped user or group. Also true for the overflow id if `/proc` does not list
 * the mapped ids.
 */
export function mayBeUnmapped(kind: 'uid' | 'gid', id: number, proc = '/proc'): boolean {
  if (process.platform !== 'linux' || mappedIds(kind, proc) >= IDS_OF_KERNEL) return false
  return id === overflowId(kind, proc)
}

function overflowId(kind: 'uid' | 'gid', proc: string): number {
  const id = Number.parseInt(read(`${proc}/sys/kernel/overflow${kind}`) ?? '', 10)
  return Number.isInteger(id) ? id : OVERFLOW_ID_DEFAULT
}

function mappedIds(kind: 'uid' | 'gid', proc: string): number {
  const file = `${proc}/self/${kind}_map`
  const known = mappedIdsByFile.get(file)
  if (known !== undefined) return known
  const count = countIds(read(file) ?? '')
  // It may still be empty when the process begins.
  if (count > 0) mappedIdsByFile.set(file, count)
  return count
}

/** Each line is a range: its first id inside, its first id outside, its length. Ranges do not overlap. */
function countIds(map: string): number {
  const lengths = map
    .trim()
    .split('\n')
    .map((range) => Number(range.trim().split(/\s+/)[2]))
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
