/**
 * Why a target is not met, by its `id`. The document with the figures shows the text beside each unmet target.
 * A profile shows the cause: state it here, and remove the text when the target is met on all machines.
 * @type {Readonly<Record<string, string>>}
 */
const REASONS = {
  blocking:
    'A record moves two cache lines in each direction, one after the other: its own and that of the tail. The rest is the calls of the addon and two Buffers ([profile](profiles.md#blocking-round-trip-cache-lines-between-two-cores)).',
  'one-way-64B':
    "Both sides are busy. More than half of the sender's time is the call into the addon, one for each message ([profile](profiles.md#one-way-64-b-one-call-and-one-buffer-for-each-message)). A corked channel makes one call for many messages.",
  corked:
    'Plain calls are fast on this processor, too. Of the time of a corked sender, `TypedArray.set` takes half, whatever the length ([decision 75](decisions/0075-cork.md)).',
  'one-way-1KiB':
    'The receiver copies into memory that is in no cache, and `memcpy` takes nearly half of its time ([profile](profiles.md#one-way-1-kib-the-copy-out-of-the-ring)).',
  'one-way-1MiB':
    "Half of the receiver's time goes to the kernel, which creates and frees the pages of each message ([profile](profiles.md#one-way-1-mib-plain-calls-new-pages)).",
  'one-way-16MiB':
    "The best of the others is `postMessage` on the Xeon, and a socket with `onread` on the EPYC, in a noisy run. A message between two processes is copied twice, and by `postMessage` once. On two cores the copies overlap, but the threads of the receiver's garbage collector often bring both processes onto one ([decision 76](decisions/0076-memory-of-long-messages.md#the-sender)).",
  'native-ring':
    'The ring takes 7 ns for each message: its header, the checks of the header, and a publication with a full barrier. The reference copies within the caches, and publishes once for a whole batch, which is faster on this processor than on the other.',
  connect:
    'A client takes 1.2 ms of CPU time to connect, ask once and close, and the kernel 0.3 ms of it. Most of the rest is the JavaScript of the handshake and of the sockets of Node.js, and its compilation. Shared memory no longer matters since rings begin with 64 KiB.',
  'socket-link':
    'In rows of long messages, `trySend` copies once what the kernel has no room for, because the caller may change the message at once. The competitor keeps a reference.',
  'load-10k':
    'Both sides poll between two requests. A thread that polls earns no credit of the scheduler, so it loses its core for up to a tick, 4 ms, when another thread needs one.',
  'call-request':
    'The difference has no single cause: the name of the method, the deadline, the figures of each method, the check of both messages, and the objects for these.',
  'server-stream': "Short messages already travel together; most of the rest is the reader's `for await`.",
}

/** The text beside an unmet target. One without a text says so, because a reader must not take silence for an explanation. */
export function reasonFor(id) {
  return REASONS[id] ?? 'The reason is not known yet: no profile was made.'
}
