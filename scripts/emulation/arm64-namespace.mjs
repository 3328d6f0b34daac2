import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { find } from '../stages/command.mjs'

const QEMU = '/usr/bin/qemu-aarch64-static'
const LIBRARIES = '/usr/aarch64-linux-gnu'

/** The header of an ELF program for aarch64, its mask, and the flag that opens the interpreter at once (binfmt_misc in Linux). */
const MAGIC = `\\x7fELF\\x02\\x01\\x01${'\\x00'.repeat(9)}\\x02\\x00\\xb7\\x00`
const MASK = `${'\\xff'.repeat(7)}\\x00${'\\xff'.repeat(8)}\\xfe\\xff\\xff\\xff`
const FORMAT = `:shmwire-aarch64:M::${MAGIC}:${MASK}:${QEMU}:F`

const ENTER = `
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
printf %s "$1" >/proc/sys/fs/binfmt_misc/register
shift
while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done
shift
exec "$@"`

/**
 * qemu 7.2 translates stores with release and loads with acquire in such a way that a load can overtake an earlier store, which
 * arm64 forbids. On one core, no other thread can see it.
 */
const ON_ONE_CORE = ['taskset', '--cpu-list', '0']

/**
 * The command that runs another one where programs for arm64 start like any others, also as child processes: in a user and mount namespace
 * of its own, with binfmt_misc and qemu. `mounts` are pairs of a folder or file and the place where it appears. Nothing changes outside.
 */
export function inArm64Namespace(command, mounts = []) {
  return [
    ...ON_ONE_CORE,
    'unshare',
    '--user',
    '--map-root-user',
    '--mount',
    'sh',
    '-ec',
    ENTER,
    'sh',
    FORMAT,
    ...mounts.flat(),
    '--',
    ...command,
  ]
}

/** Programs for arm64 find their C and C++ libraries there. */
export const ARM64_ENVIRONMENT = { QEMU_LD_PREFIX: LIBRARIES }

/** How to install what is missing, or the reason why arm64 cannot be emulated here; undefined if it can. */
export function missingForArm64() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'is for Linux on x64'
  const packages = []
  if (!existsSync(QEMU)) packages.push('qemu-user-static')
  if (find('taskset') === undefined) packages.push('util-linux')
  if (find('aarch64-linux-gnu-g++') === undefined) packages.push('g++-aarch64-linux-gnu')
  if (packages.length > 0) return `apt-get install ${packages.join(' ')}`
  const [command, ...args] = inArm64Namespace(['true'])
  const { status } = spawnSync(command, args)
  if (status === 0) return undefined
  return 'needs a kernel that has binfmt_misc in each user namespace (Linux 6.7), and user namespaces'
}
