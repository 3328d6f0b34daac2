import { release, type as systemType } from 'node:os'
import { platformName } from '../../native/addon-files.js'
import { runtimeName } from '../machine.js'
import { type Finding, note, ok, problem } from './finding.js'

const NODE_MIN = [20, 19] as const
/** The first one with sealed memory that its owner can still write (F_SEAL_FUTURE_WRITE). */
const LINUX_MIN = [5, 1] as const

/** The runtime and the system. */
export function checkRuntime(): Finding[] {
  return [
    runtimeFinding(runtimeName(), process.versions['node'] ?? ''),
    platformFinding(`${platformName()}${cLibrary()}`, systemType(), release()),
  ]
}

/** Of a process on Linux, for example `, glibc 2.36`. Only the C library of GNU reports its version. */
function cLibrary(): string {
  if (process.platform !== 'linux' || process.report === undefined) return ''
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return header?.glibcVersionRuntime === undefined ? '' : `, glibc ${header.glibcVersionRuntime}`
}

export function runtimeFinding(name: string, nodeVersion: string): Finding {
  const check = 'runtime'
  if (!name.startsWith('Node.js') || isAtLeast(nodeVersion, NODE_MIN)) return ok(check, name)
  return problem(check, `${name} is not supported`, `install Node.js ${NODE_MIN.join('.')} or newer`)
}

export function platformFinding(platform: string, system: string, version: string): Finding {
  const check = 'platform'
  const text = `${platform}, ${system} ${version}`
  if (system !== 'Linux' || isAtLeast(version, LINUX_MIN)) return ok(check, text)
  return note(
    check,
    `${text}: this kernel cannot seal memory, so channels use the socket`,
    `update the kernel to Linux ${LINUX_MIN.join('.')} or newer`,
  )
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [first = 0, second = 0] = version.split('.').map(Number)
  return first > major || (first === major && second >= minor)
}
