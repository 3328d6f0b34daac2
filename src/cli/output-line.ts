import { isUtf8 } from 'node:buffer'
import { printable } from '../printable.js'
import { jsonLine } from './json-line.js'

/** The line that prints a message. With `text`, a string or bytes of UTF-8 are printed as they are, but with escaped control characters. */
export function outputLine(message: unknown, text: boolean): string {
  if (text && typeof message === 'string') return `${printable(message)}\n`
  if (text && message instanceof Uint8Array && isUtf8(message))
    return `${printable(Buffer.from(message).toString())}\n`
  return `${jsonLine(message)}\n`
}
