import { ErrorCode, ShmwireError } from '../../errors.js'
import type { WaitOptions } from '../../options.js'
import { CommandError } from '../command.js'
import { formatNanos } from '../figures.js'
import { measureRoundTrips } from '../peer/measure.js'
import { PeerProcess } from '../peer/peer-process.js'
import { type Finding, ok, problem } from './finding.js'

const CHECK = 'shared memory'
const MEASURED_MS = 200
const MESSAGE_BYTES = 64

/** The outcome of an exchange with another process of this program. */
export type Exchange =
  | { readonly transport: string; readonly fallbackReason: string | undefined; readonly medianNanos: number }
  | { readonly error: string }

/** Starts another process and exchanges messages with it, over shared memory if that works now. Rejects with `ABORTED`. */
export async function exchange(root: string, bounds: WaitOptions): Promise<Exchange> {
  try {
    const peer = await PeerProcess.start(root, bounds)
    try {
      const channel = await peer.connect('auto', bounds)
      const measurement = { durationMs: MEASURED_MS, messageBytes: MESSAGE_BYTES, ...bounds }
      const { medianNanos } = await measureRoundTrips(channel, measurement)
      const { transport, fallbackReason } = channel
      channel.destroy()
      return { transport, fallbackReason, medianNanos }
    } finally {
      peer.stop()
    }
  } catch (error) {
    // The user has ended the command, which is not a problem of the machine.
    if (bounds.signal?.aborted === true)
      throw new ShmwireError(ErrorCode.ABORTED, 'the exchange was aborted', { cause: error })
    if (error instanceof ShmwireError || error instanceof CommandError) return { error: error.message }
    throw error
  }
}

export function exchangeFinding(result: Exchange): Finding {
  if ('error' in result)
    return problem(
      CHECK,
      `two processes cannot exchange messages: ${result.error}`,
      exchangeFix(result.error),
    )
  const { transport, fallbackReason, medianNanos } = result
  const time = `${formatNanos(medianNanos)} for a round trip`
  if (transport === 'shm') return ok(CHECK, `two processes exchange messages through it, ${time}`)
  return problem(
    CHECK,
    `two processes exchange messages over the socket (${transport}, ${time}): ${fallbackReason}`,
    exchangeFix(fallbackReason ?? ''),
  )
}

/** The reasons are those of `channel.fallbackReason`, which have the texts of the C library for its errors. */
const FIXES: readonly (readonly [reason: RegExp, fix: string])[] = [
  [/SHMWIRE_NO_ADDON/, 'unset SHMWIRE_NO_ADDON'],
  [/no native addon|native addon of SHMWIRE_ADDON/, `see the line 'addon'`],
  [/event loop of this runtime/, 'use a runtime of docs/runtimes.md, such as Node.js'],
  [/too many open files|EMFILE|ENFILE/i, 'raise the limit of open descriptors: ulimit -n 65536'],
  [
    /not permitted|not implemented|permission denied|EPERM|EACCES|ENOSYS/i,
    'allow this system call in the seccomp profile or the sandbox',
  ],
  [/file too large|EFBIG|ftruncate/i, 'raise the limit of the length of files: ulimit -f unlimited'],
  [
    /cannot allocate memory|mmap|ENOMEM/i,
    'raise the memory limit of the container and ulimit -v, or lower ringBytes',
  ],
  [/--allow-child-process/, 'start node with --allow-child-process'],
  [/cannot create a directory/, 'set TMPDIR to a directory that this process may write to'],
  [/took longer/, 'try again when the machine is less busy, or with a longer --timeout'],
]

export function exchangeFix(reason: string): string {
  const found = FIXES.find(([pattern]) => pattern.test(reason))
  return found?.[1] ?? 'see docs/platforms.md and docs/tuning.md for this reason'
}
