import { constants } from 'node:os'

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
  const fields = { errno: -constants.errno[code], code, syscall }
  return Object.assign(error, fields, address === undefined ? {} : { address })
}
