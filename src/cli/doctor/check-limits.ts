import { formatBytes } from '../figures.js'
import { type Finding, note, ok, problem } from './finding.js'
import type { HostSystem } from './host-system.js'

/** Of each side (docs/tuning.md). */
const DESCRIPTORS_PER_CHANNEL = 3
/** A program with fewer has room for 300 channels. */
const DESCRIPTORS_FEW = 1024
/** Of Node.js itself, and of a handshake. */
const DESCRIPTORS_MIN = 32
const MIB = 2 ** 20
/** This side's segment with the default `ringBytes`. Its file and its address space have this size from the start. */
const SEGMENT_BYTES = MIB + 8 * 1024
/** The part of it that exists until the ring grows (docs/decisions/0082). */
const SMALL_SEGMENT_BYTES = 72 * 1024
const MEMORY_LEFT_MIN = 64 * MIB
/** Address space: Node.js itself reserves more than that. */
const ADDRESS_SPACE_FEW = 4096 * MIB

/** The limits of the system that bound channels (docs/tuning.md). */
export function checkLimits(system: HostSystem): Finding[] {
  const limits = system.readText('/proc/self/limits')
  return [...(limits === undefined ? [] : limitFindings(limits)), ...memoryFindings(system)]
}

export function limitFindings(limits: string): Finding[] {
  const descriptors = limitOf(limits, 'Max open files')
  const addressSpace = limitOf(limits, 'Max address space')
  const fileBytes = limitOf(limits, 'Max file size')
  const findings = [descriptorFinding(descriptors)]
  if (addressSpace < ADDRESS_SPACE_FEW)
    findings.push(
      note(
        'address space',
        `${formatBytes(addressSpace)} (ulimit -v): a channel maps ${formatBytes(2 * SEGMENT_BYTES)}`,
        'ulimit -v unlimited',
      ),
    )
  if (fileBytes < SEGMENT_BYTES)
    findings.push(
      problem(
        'length of files',
        `${formatBytes(fileBytes)} (ulimit -f): less than a ring of 1 MiB, so channels use the socket`,
        'ulimit -f unlimited, or lower ringBytes',
      ),
    )
  return findings
}

function descriptorFinding(descriptors: number): Finding {
  const check = 'descriptors'
  if (descriptors === Number.POSITIVE_INFINITY) return ok(check, 'without a limit')
  const channels = Math.floor(Math.max(0, descriptors - DESCRIPTORS_MIN) / DESCRIPTORS_PER_CHANNEL)
  const text = `${descriptors} for each process: enough for about ${channels} channels`
  return descriptors >= DESCRIPTORS_FEW ? ok(check, text) : note(check, text, 'ulimit -n 65536')
}

function memoryFindings({ memoryLimitBytes: limit, memoryLeftBytes: left, platform }: HostSystem): Finding[] {
  const check = 'memory'
  if (limit === undefined)
    return platform === 'linux' ? [ok(check, 'the control group has no limit; /dev/shm is not used')] : []
  const sizes = `${formatBytes(SMALL_SEGMENT_BYTES)} to ${formatBytes(SEGMENT_BYTES)}`
  const text = `the control group has ${formatBytes(limit)}; a channel takes ${sizes} of it on each side`
  if (left >= MEMORY_LEFT_MIN) return [ok(check, text)]
  return [note(check, text, 'raise the memory limit (docker run --memory), or lower ringBytes')]
}

/** The soft limit of a line of /proc/self/limits. Infinity also if the line is missing. */
function limitOf(limits: string, name: string): number {
  const [, soft] = new RegExp(`^${name}\\s+(\\d+)\\s`, 'm').exec(limits) ?? []
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
}
