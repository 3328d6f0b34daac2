import type { Socket } from 'node:net'
import type { Duplex, Readable, Writable } from 'node:stream'
import { misuse } from '../options.js'

/** Throws `INVALID_ARGUMENT` for a stream of objects or of text, for one that has ended, and for a socket that never connects. `what` names it. */
export function checkBytes(what: 'socket' | 'stream', half: Readable | Writable): void {
  const stream = half as Duplex
  if (stream.readableObjectMode || stream.writableObjectMode)
    throw misuse(`the ${what} is in object mode; pass a ${what} of bytes`)
  if (typeof stream.readableEncoding === 'string')
    throw misuse(`the ${what} has an encoding, and delivers text; pass a ${what} of bytes`)
  if (stream.destroyed || stream.readableEnded || stream.writableEnded)
    throw misuse(`the ${what} has ended; pass a connected ${what}`)
  const { connecting, pending } = half as Partial<Socket>
  // A stream of a file is pending too, and opens by itself.
  if (connecting === false && pending === true)
    throw misuse(`the ${what} is not connected; call its connect() first`)
}
