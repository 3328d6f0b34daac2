import { type NetworkAddress, parseNetworkAddress } from './address/network-address.js'
import { fromPipeName, type PipeAddress, parsePipeAddress } from './address/pipe-address.js'
import { fromName, fromPath, type UnixAddress } from './address/unix-address.js'
import { invalid, misuse, show } from './options.js'

/** The standard input and output of a process that `spawnChannel` has started. */
export interface StdioAddress {
  readonly kind: 'stdio'
  readonly text: string
}

/** A parsed address of a server. `text` is the address as the user wrote it, for messages. */
export type Address = UnixAddress | NetworkAddress | PipeAddress | StdioAddress

/** Where a plain name leads: a Unix socket, or on Windows a named pipe. */
export type LocalAddress = UnixAddress | PipeAddress

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/
const SUPPORTED = "a plain name such as 'prices', or 'unix:/absolute/path.sock'"
const FORMS = `${SUPPORTED}, 'tcp://host:port', 'tls://host:port', 'pipe:name' or 'stdio:'`

/**
 * Parses an address. Accesses no file. Throws `INVALID_ARGUMENT` for another form, for a path that is too long for a socket, and for a
 * `SHMWIRE_DIR` or `TMPDIR` that is not absolute.
 */
export function parseAddress(text: string): Address {
  if (typeof text !== 'string') throw invalid('address', text, FORMS)
  if (text.includes('\0')) throw invalid('address', text, `${SUPPORTED}, without a zero byte`)
  // The file system would get another character for a lone surrogate, so a server would not recognize its own files.
  if (!text.isWellFormed()) throw invalid('address', text, `${SUPPORTED}, without a lone surrogate`)
  const scheme = SCHEME.exec(text)?.[1]
  switch (scheme) {
    case undefined:
      return parseName(text)
    case 'unix':
      if (process.platform === 'win32')
        throw misuse(`Node has no Unix sockets on Windows; use a plain name instead of ${show(text)}`)
      return fromPath(text)
    case 'tcp':
    case 'tls':
      return parseNetworkAddress(text, scheme)
    case 'pipe':
      return parsePipeAddress(text)
    case 'stdio':
      if (text === 'stdio:') return { kind: 'stdio', text }
      throw invalid('address', text, "'stdio:' alone, which has no other part")
    default:
      throw misuse(`the scheme "${scheme}:" of address ${show(text)} is not supported; use ${FORMS}`)
  }
}

/** The address of a plain name. Throws as `parseAddress` does. */
export function parseName(text: string): LocalAddress {
  return process.platform === 'win32' ? fromPipeName(text) : fromName(text)
}
