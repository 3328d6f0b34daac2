import { cgroupMinimum } from './control-group.js'
import { type Finding, note, ok } from './finding.js'
import type { HostSystem } from './host-system.js'

const GOVERNOR = '/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'
/** Both sides of a channel can poll at once. */
const CORES_MIN = 2

/** The cores: their number, what else uses them, and their clock. */
export function checkProcessors(system: HostSystem): Finding[] {
  return [coresFinding(system), ...quotaFindings(system), ...governorFindings(system)]
}

function coresFinding({ coresUsable, coresInstalled, loadAverage }: HostSystem): Finding {
  const check = 'cores'
  const load = `load ${loadAverage.toFixed(1)}`
  if (coresUsable < CORES_MIN) {
    const text = `1 core, ${load}: two processes take turns, and polling delays the other one`
    const fix =
      coresInstalled > coresUsable
        ? `let the process use more of the ${coresInstalled} cores: taskset, or --cpuset-cpus of the container`
        : `give the machine a second core, or pass wait: 'sleep'`
    return note(check, text, fix)
  }
  if (loadAverage >= coresUsable)
    return note(
      check,
      `${coresUsable} cores, ${load}: other programs use them all, so readers lose their core while they poll`,
      `stop other programs, add cores, or pass wait: 'sleep'`,
    )
  return ok(check, `${coresUsable} cores for both sides, ${load}`)
}

function quotaFindings(system: HostSystem): Finding[] {
  const cores = cgroupMinimum(system, 'cpu.max', quotaOf)
  if (cores === undefined) return []
  const check = 'CPU quota'
  const text = `${Number(cores.toFixed(2))} cores of the control group`
  if (cores >= CORES_MIN) return [ok(check, text)]
  return [
    note(
      check,
      `${text}: polling counts, and the kernel stops the process when the quota is used`,
      `pass wait: 'sleep', or raise the quota (docker run --cpus 2)`,
    ),
  ]
}

/** `max 100000`, or the microseconds of each period. */
function quotaOf(text: string): number | undefined {
  const [quota, period] = text.trim().split(/\s+/).map(Number)
  return quota !== undefined && period !== undefined && quota > 0 && period > 0 ? quota / period : undefined
}

function governorFindings(system: HostSystem): Finding[] {
  const governor = system.readText(GOVERNOR)?.trim()
  if (governor === undefined) return []
  const check = 'CPU governor'
  if (governor !== 'powersave' && governor !== 'conservative') return [ok(check, governor)]
  return [
    note(
      check,
      `${governor}: cores need time to raise their clock, so short bursts of messages take longer`,
      'cpupower frequency-set -g performance (as root), if latency matters more than power',
    ),
  ]
}
