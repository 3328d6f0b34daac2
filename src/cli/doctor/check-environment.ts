import { nearest } from '../../nearest.js'
import { printable } from '../../printable.js'
import { type Finding, note, ok } from './finding.js'
import type { HostSystem } from './host-system.js'

const PREFIX = 'SHMWIRE_'
const KNOWN = ['SHMWIRE_ADDON', 'SHMWIRE_DIR', 'SHMWIRE_NO_ADDON'] as const
/** Read by the tests of the package. */
const OF_TESTS = /^SHMWIRE_(?:TEST|TRACE)/
const VALUE_CHARACTERS_MAX = 100

/** The variables of shmwire, the flags of Node.js, and the sandbox around this process. */
export function checkEnvironment(system: HostSystem): Finding[] {
  return [...variableFindings(system.env), ...sandboxFindings(system)]
}

function variableFindings(env: NodeJS.ProcessEnv): Finding[] {
  const check = 'environment'
  const names = Object.keys(env).filter((name) => name.startsWith(PREFIX) && !OF_TESTS.test(name))
  const findings = names.map((name) => {
    const text = `${name}=${printable(env[name] ?? '', VALUE_CHARACTERS_MAX)}`
    if (name === 'SHMWIRE_NO_ADDON' && env[name] === '1')
      return note(check, `${text} turns shared memory off`, 'unset SHMWIRE_NO_ADDON')
    if ((KNOWN as readonly string[]).includes(name)) return ok(check, text)
    const similar = nearest(name, KNOWN)
    const fix =
      similar === undefined ? `unset it; the variables are ${KNOWN.join(', ')}` : `rename it to ${similar}`
    return note(check, `${text} has no effect`, fix)
  })
  return findings.length > 0 ? findings : [ok(check, 'no variable of shmwire is set')]
}

/** A filter of system calls is harmless if the exchange works. */
function sandboxFindings({ platform, readText }: HostSystem): Finding[] {
  if (platform !== 'linux') return []
  const filtered = /^Seccomp:\s+2$/m.test(readText('/proc/self/status') ?? '')
  const container = ['/.dockerenv', '/run/.containerenv'].some((path) => readText(path) !== undefined)
  if (!filtered && !container) return []
  const parts = [container ? 'in a container' : '', filtered ? 'with a filter of system calls (seccomp)' : '']
  return [
    ok('sandbox', `${parts.filter(Boolean).join(', ')}; the line 'shared memory' shows if it refuses a call`),
  ]
}
