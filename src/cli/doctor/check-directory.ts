import { accessSync, constants, existsSync, statfsSync } from 'node:fs'
import { dirname, isAbsolute } from 'node:path'
import { checkRuntimeDirectory, runtimeDirectory } from '../../control/runtime-directory.js'
import { ShmwireError } from '../../errors.js'
import { printable } from '../../printable.js'
import { type Finding, note, ok, problem } from './finding.js'

const CHECK = 'directory'
/** `sun_path` without its zero, on macOS and elsewhere, and without the longest suffix of a server's other files. */
const SUFFIX_BYTES = 14
const PATH_BYTES_MAX = (process.platform === 'darwin' ? 103 : 107) - SUFFIX_BYTES
const NAME_CHARACTERS_MAX = 64
const NAME_CHARACTERS_FEW = 16
const EXTENSION = '/.sock'

/** File systems that have no working sockets, or carry them to other machines: statfs(2). */
const REMOTE_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x01021997, '9p'],
  [0x65735546, 'FUSE'],
])

/** The directory of the sockets of plain names. It is not created here. */
export function checkDirectory(env: NodeJS.ProcessEnv): Finding[] {
  if (process.platform === 'win32') return []
  const own = env['SHMWIRE_DIR']
  if (own !== undefined && own !== '' && !isAbsolute(own))
    return [
      problem(
        CHECK,
        `SHMWIRE_DIR=${printable(own)} is not an absolute path`,
        'set SHMWIRE_DIR to an absolute path, or unset it',
      ),
    ]
  let directory: string
  try {
    directory = runtimeDirectory(env)
    checkRuntimeDirectory(directory)
  } catch (error) {
    if (!(error instanceof ShmwireError)) throw error
    // The message names the fix, too.
    const [text = '', ...fixes] = error.message.split('; ')
    return [problem(CHECK, text, fixes.join('; ') || 'set SHMWIRE_DIR to a directory of your own')]
  }
  return [placeFinding(directory), ...lengthFindings(directory), ...fileSystemFindings(directory)]
}

function placeFinding(directory: string): Finding {
  const exists = existsSync(directory)
  const place = exists ? directory : dirname(directory)
  if (!existsSync(place))
    return problem(
      CHECK,
      `${directory} cannot be created: ${place} does not exist`,
      `mkdir -p ${place}, or set SHMWIRE_DIR`,
    )
  try {
    accessSync(place, constants.W_OK | constants.X_OK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return problem(
      CHECK,
      `${place} cannot be written (${code}), so no server can have a plain name`,
      'set SHMWIRE_DIR to a directory of your own',
    )
  }
  return ok(
    CHECK,
    exists ? `${directory}, mode and owner are right` : `${directory}, which the first server creates`,
  )
}

/** The sockets of long names would not fit into an address. */
export function lengthFindings(directory: string): Finding[] {
  const left = PATH_BYTES_MAX - Buffer.byteLength(directory) - EXTENSION.length
  if (left >= NAME_CHARACTERS_MAX) return []
  const text = `the path of the directory has ${Buffer.byteLength(directory)} bytes`
  const fix = 'set SHMWIRE_DIR to a shorter path'
  if (left < 1) return [problem('path length', `${text}, so no socket fits into it`, fix)]
  const names = `${text}, so names may have ${left} characters instead of ${NAME_CHARACTERS_MAX}`
  return [left < NAME_CHARACTERS_FEW ? note('path length', names, fix) : ok('path length', names)]
}

function fileSystemFindings(directory: string): Finding[] {
  const place = existsSync(directory) ? directory : dirname(directory)
  if (!existsSync(place)) return []
  const name = REMOTE_FILE_SYSTEMS.get(statfsSync(place).type)
  if (name === undefined) return []
  return [
    note(
      'file system',
      `${place} is on ${name}, which may have no sockets, or shows them on other machines`,
      'set SHMWIRE_DIR to a directory on a local file system, such as /run/user/<uid> or /tmp',
    ),
  ]
}
