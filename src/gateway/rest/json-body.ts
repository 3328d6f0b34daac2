import { isUtf8 } from 'node:buffer'
import { HttpError } from './http-error.js'

/** Arrays and objects in each other. Protocol Buffers have the same limit. */
const DEPTH_MAX = 100
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The value of a body. Undefined: the body is empty. Of several members of an object with the same name, the last one counts. Throws the error 400. */
export function parseJsonBody(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined
  if (!isUtf8(bytes)) throw wrongBody('is not UTF-8')
  if (bytes.length > DEPTH_MAX && isTooDeep(bytes))
    throw wrongBody(`has more than ${DEPTH_MAX} arrays and objects in each other`)
  try {
    return JSON.parse(bytes.toString())
  } catch {
    // The message of the engine would quote the body.
    throw wrongBody('is not JSON')
  }
}

function wrongBody(problem: string): HttpError {
  return new HttpError(400, 'INVALID_ARGUMENT', `the body ${problem}`, { reason: 'INVALID_BODY' })
}

/** The recursion of what reads the value is bounded so. */
function isTooDeep(bytes: Buffer): boolean {
  let depth = 0
  let isText = false
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] as number
    if (isText) {
      if (byte === BACKSLASH) index += 1
      else if (byte === QUOTE) isText = false
    } else if (byte === QUOTE) isText = true
    // [ and {, which differ in one bit.
    else if ((byte | 0x20) === 0x7b) {
      depth += 1
      if (depth > DEPTH_MAX) return true
    } else if ((byte | 0x20) === 0x7d) depth -= 1
  }
  return false
}
