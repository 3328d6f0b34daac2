import { createHash } from 'node:crypto'
import { userInfo } from 'node:os'
import { isAbsolute, resolve } from 'node:path'
import { invalid, misuse, show } from '../options.js'
import { checkName } from './plain-name.js'

/** A named pipe of Windows. */
export interface PipeAddress {
  readonly kind: 'pipe'
  /** The path of the pipe, as node:net takes it. */
  readonly path: string
  readonly text: string
  /** A plain name: the pipe belongs to this user, and both sides can agree on shared memory. */
  readonly isPrivate: boolean
}

const PREFIX = '\\\\.\\pipe\\shmwire-'
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const SCOPE_CHARACTERS = 16

/** Throws `INVALID_ARGUMENT` for another form than `pipe:name`, and on other systems than Windows. */
export function parsePipeAddress(text: string, platform: NodeJS.Platform = process.platform): PipeAddress {
  const name = text.slice('pipe:'.length)
  if (!NAME.test(name)) {
    const form = '1 to 128 characters from A-Z a-z 0-9 . _ - that do not begin with . or -'
    throw invalid('address', text, `'pipe:' and a name; a name is ${form}`)
  }
  if (platform !== 'win32')
    throw misuse(
      `address ${show(text)} is a named pipe of Windows, and this system is ${platform}; use a plain name or 'unix:/absolute/path.sock'`,
    )
  return { kind: 'pipe', path: `${PREFIX}${name}`, text, isPrivate: false }
}

/** A plain name on Windows. */
export function fromPipeName(text: string): PipeAddress {
  checkName(text, "a plain name such as 'prices', or 'pipe:name'")
  return { kind: 'pipe', path: `${PREFIX}${scope()}-${text}`, text, isPrivate: true }
}

/**
 * The names of pipes are common to all users. This part separates those of different users, and those of different `SHMWIRE_DIR`. Any user
 * can take any name nevertheless, so a client checks its server (control/identify-pipe-server.ts).
 */
function scope(): string {
  const place = process.env['SHMWIRE_DIR']
  if (place && !isAbsolute(place))
    throw invalid('the environment variable SHMWIRE_DIR', place, 'an absolute path')
  // Not from the environment, which programs change.
  const directory = place ? resolve(place) : userInfo().homedir
  return createHash('sha256').update(directory.toLowerCase()).digest('hex').slice(0, SCOPE_CHARACTERS)
}
