import { spawnSync } from 'node:child_process'
import { availableParallelism, cpus, loadavg, machine, release, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** From this load average on, the machine is not idle before the measurement. */
export const LOAD_IDLE = 0.5

/** The origin of a figure, without which it has no meaning. No host name, no paths. */
export function describeMachine(node = process.execPath) {
  return {
    cpu: cpus()[0]?.model.trim().replaceAll(/\s+/g, ' ') || 'unknown CPU',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    architecture: machine(),
    node: node === process.execPath ? process.version : versionOf(node),
    /** Of the last minute before the measurement; above zero, other programs ran. */
    loadAverage: Number(loadavg()[0].toFixed(2)),
  }
}

/**
 * The name of the results of a machine and a Node: `amd-epyc-2-cores-node-20`. Results of two types of processors have two
 * files, so that a run on one does not replace those of the other.
 */
export function machineKey({ cpu, cores, node }) {
  const name = shortCpu(cpu)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
  return `${name}-${cores}-cores-node-${majorOf(node)}`
}

/** The processor without the words that every name has: `Intel Xeon`. */
export function shortCpu(cpu) {
  return cpu
    .replaceAll(/\((?:R|TM)\)|\b(?:CPU|Processor)\b|@.*$/gi, ' ')
    .trim()
    .replaceAll(/\s+/g, ' ')
}

export function majorOf(version) {
  return Number(/\d+/.exec(version)[0])
}

/** For a line above figures. */
export function showMachine({ cpu, cores, kernel, architecture, node }) {
  return `${cpu}, ${cores} cores, ${kernel} ${architecture}, Node ${node}`
}

/** The load that other programs were before a measurement. */
export function showLoad({ loadAverage }) {
  return `Load of the machine before: ${loadAverage}${loadAverage < LOAD_IDLE ? '' : ': it was not idle'}.`
}

/** Undefined if the program cannot be started. */
export function versionOf(node) {
  return output(node, ['--version'])
}

/** The commit that is measured, with a `+` when files differ from it. */
export function describeCommit() {
  const commit = output('git', ['rev-parse', '--short=12', 'HEAD'])
  if (commit === undefined) return 'none'
  return output('git', ['status', '--porcelain']) === '' ? commit : `${commit}+`
}

function output(command, args) {
  const { status, stdout } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}
