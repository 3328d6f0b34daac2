import { isAbsolute, join } from 'node:path'
import { runtimeDirectory } from '../control/runtime-directory.js'
import { invalid, misuse, show } from '../options.js'
import { checkName } from './plain-name.js'

/** A Unix socket on this machine, over which both sides can agree on shared memory. */
export interface UnixAddress {
  readonly kind: 'unix'
  /** The path of the control socket. */
  readonly path: string
  readonly text: string
  /** The private directory of a plain name. Undefined for an explicit path, whose directory the user chooses. */
  readonly directory: string | undefined
}

const SUPPORTED = "a plain name such as 'prices', or 'unix:/absolute/path.sock'"

/** `sun_path` without its zero (unix(7); 104 bytes on macOS). */
const SOCKET_PATH_BYTES_MAX = process.platform === 'darwin' ? 103 : 107
/** The longest suffix of a server's other files: `.`, 12 hexadecimal digits, `~`. */
const SUFFIX_BYTES_MAX = 14
/** The suffixes of a server's other files (control/server-files.ts), which must not be the control socket of another server. */
const RESERVED = /\.(?:\d+|fd|[0-9a-f]{12}~)$/

/** A plain name, which is a file in the runtime directory. */
export function fromName(text: string): UnixAddress {
  checkName(text, SUPPORTED)
  const directory = runtimeDirectory()
  const path = join(directory, `${text}.sock`)
  return {
    kind: 'unix',
    path: checkLength(text, path, 'set SHMWIRE_DIR to a shorter directory'),
    text,
    directory,
  }
}

/** `unix:` and a path. */
export function fromPath(text: string): UnixAddress {
  const path = text.slice('unix:'.length)
  if (!isAbsolute(path)) throw invalid('address', text, "'unix:' and a path that begins with /")
  if (path.endsWith('/'))
    throw invalid('address', text, "'unix:' and the path of a file, which does not end in /")
  if (RESERVED.test(path)) {
    const reserved = '.<number>, .fd or .<12 hex digits>~'
    throw misuse(`address ${show(text)} ends in ${reserved}, which shmwire reserves; choose another path`)
  }
  return { kind: 'unix', path: checkLength(text, path, 'choose a shorter path'), text, directory: undefined }
}

function checkLength(text: string, path: string, remedy: string): string {
  const bytes = Buffer.byteLength(path)
  const bytesMax = SOCKET_PATH_BYTES_MAX - SUFFIX_BYTES_MAX
  if (bytes <= bytesMax) return path
  throw misuse(
    `address ${show(text)} has the socket path ${path} of ${bytes} bytes, more than ${bytesMax}; ${remedy}`,
  )
}
