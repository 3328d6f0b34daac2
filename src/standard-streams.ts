import { fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import { JoinedStream } from './joined-stream.js'
import { wrongTime } from './options.js'

const STDIN = 0
const STDOUT = 1

/** In the mode of a file: S_IFMT and S_IFIFO. */
const FORMAT_MASK = 0o170000
const FIFO = 0o010000

let taken = false

/** Its end reaches the peer, and its descriptor stays open, so that no other file gets the number. */
class StandardOutput extends Socket {
  override destroy(): this {
    this.end()
    return this.unref()
  }
}

/**
 * The standard input and output of this process, for the channel to its parent. From now on, text for `process.stdout` goes to standard error.
 * Throws `INVALID_STATE` unless `spawnChannel` has started this process, and for the second call.
 */
export function takeStandardStreams(): JoinedStream {
  if (taken) throw wrongTime("'stdio:' is in use; a process has one channel over its standard streams")
  if (![STDIN, STDOUT].every(isPipe))
    throw wrongTime("'stdio:' needs pipes as standard input and output; start this program with spawnChannel")
  taken = true
  const output = new StandardOutput({ fd: STDOUT, readable: false, writable: true })
  redirectPrints()
  return new JoinedStream({ readable: process.stdin, writable: output })
}

function isPipe(descriptor: number): boolean {
  const status = fstatSync(descriptor)
  // isFIFO() is always false on Windows.
  return status.isSocket() || (status.mode & FORMAT_MASK) === FIFO
}

function redirectPrints(): void {
  const { stdout, stderr } = process
  let warned = false
  const write = (...args: Parameters<typeof stderr.write>): boolean => {
    if (!warned) {
      warned = true
      process.emitWarning(
        "this process prints to stdout, which carries the channel of connect('stdio:'); the text goes to stderr instead",
        { code: 'SHMWIRE_STDOUT' },
      )
    }
    return stderr.write(...args)
  }
  stdout.write = write as typeof stdout.write
}
