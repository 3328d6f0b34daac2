import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { threadId } from 'node:worker_threads'
import { nowMs, timeOfDayMs } from '../host.js'
import type { ProcessFigures } from './figures.js'

const TITLE_CHARACTERS_MAX = 128
const MICROS = 1_000

/** Where the system lists the descriptors of this process. */
const DESCRIPTOR_FOLDERS = ['/proc/self/fd', '/dev/fd']

let title: string | undefined
let startedAtMs: number | undefined

/** CPU time, resident memory and descriptors are those of the whole process. Heap and external memory are those of this thread. */
export function processFigures(): ProcessFigures {
  title ??= basename(process.argv[1] ?? process.title).slice(0, TITLE_CHARACTERS_MAX)
  startedAtMs ??= Math.round(timeOfDayMs() - process.uptime() * 1_000)
  const { user, system } = process.cpuUsage()
  const memory = process.memoryUsage()
  return {
    pid: process.pid,
    threadId,
    title,
    nodeVersion: process.version,
    startedAtMs,
    cpuUserMs: user / MICROS,
    cpuSystemMs: system / MICROS,
    residentBytes: memory.rss,
    heapUsedBytes: memory.heapUsed,
    heapTotalBytes: memory.heapTotal,
    externalBytes: memory.external,
    openDescriptors: openDescriptors(),
    maxDescriptors: maxDescriptors(),
  }
}

/** A count is one system call on Linux 6.2 and newer. Older systems list the folder, which a process with many descriptors does seldom. */
function openDescriptors(): number | undefined {
  for (const folder of DESCRIPTOR_FOLDERS) {
    try {
      const { size } = statSync(folder)
      if (folder.startsWith('/proc/') && size > 0) return size
      // Without the descriptor of the folder itself.
      return listed(folder) - 1
    } catch {
      // The system does not have this folder, or the permission model of Node.js hides it.
    }
  }
  return undefined
}

/** The list of a process with very many descriptors would block the event loop, so it is read again only after a while. */
const LIST_PAUSES = 100
let listedCount = 0
let listAgainMs = Number.NEGATIVE_INFINITY

function listed(folder: string): number {
  const beginMs = nowMs()
  if (beginMs < listAgainMs) return listedCount
  listedCount = readdirSync(folder).length
  const endMs = nowMs()
  listAgainMs = endMs + LIST_PAUSES * (endMs - beginMs)
  return listedCount
}

function maxDescriptors(): number | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8')
    const found = /^Max open files\s+(\d+)/m.exec(limits)
    return found === null ? undefined : Number(found[1])
  } catch {
    // Only Linux has this file.
    return undefined
  }
}
