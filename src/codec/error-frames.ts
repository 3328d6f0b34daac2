/** More frames than a stack of the usual size can have. */
const FRAMES_MAX = 100_000

/**
 * Creates an error without stack frames. The engine would keep the frames of the decoder until the stack is read, and the program can
 * have raised their number. `pay` is called first, with the number of frames that the error can still have, because a program can
 * freeze `Error.stackTraceLimit`.
 */
export function withoutFrames(create: () => Error, pay: (frames: number) => void): Error {
  const limit = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')
  // V8 captures no frames if it is missing, an accessor or not a number.
  if (typeof limit?.value !== 'number') {
    pay(0)
    return create()
  }
  if (limit.writable !== true) {
    pay(Math.min(Math.max(limit.value, 0), FRAMES_MAX) || 0)
    return create()
  }
  pay(0)
  Error.stackTraceLimit = 0
  try {
    return create()
  } finally {
    Error.stackTraceLimit = limit.value
  }
}
