import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'

type SystemCode = 'EACCES' | 'ECONNREFUSED' | 'ECONNRESET' | 'EPIPE' | 'ETIMEDOUT'

/** An error in the form of those of `net.Socket`, because HTTP and RPC stacks test its `code`. */
export function systemError(
  code: SystemCode,
  syscall: 'connect' | 'read' | 'write',
  detail: { readonly address?: string; readonly cause?: unknown },
): NodeJS.ErrnoException {
  const { address, cause } = detail
  const where = address === undefined ? '' : ` ${address}`
  const why = cause instanceof Error ? `: ${cause.message}` : ''
  const error = new Error(`${syscall} ${code}${where}${why}`, { cause })
  const fields = { errno: numberOf(code), code, syscall }
  return Object.assign(error, fields, address === undefined ? {} : { address })
}

/** As in errors of Node: on Windows, the numbers of libuv, which are not those of the C library. */
function numberOf(code: SystemCode): number {
  if (process.platform !== 'win32') return -constants.errno[code]
  const entry = [...getSystemErrorMap()].find(([, [name]]) => name === code)
  return entry === undefined ? 0 : entry[0]
}
