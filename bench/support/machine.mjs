import { spawnSync } from 'node:child_process'
import { availableParallelism, cpus, loadavg, machine, release, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** From so many programs on, the machine is not idle before it is measured. */
export const LOAD_IDLE = 0.5

/** Where a figure comes from, without which it says nothing. No host name, no paths. */
export function describeMachine(node = process.execPath) {
  return {
    cpu: cpus()[0]?.model.trim().replaceAll(/\s+/g, ' ') || 'unknown CPU',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    architecture: machine(),
    node: node === process.execPath ? process.version : versionOf(node),
    /** Of the last minute, before anything was measured; above zero, others were at work. */
    loadAverage: Number(loadavg()[0].toFixed(2)),
  }
}

/** Undefined for what cannot be started. */
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
