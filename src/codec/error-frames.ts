/** Frames that a stack can have at most, far more than fit into one of the usual size. */
const FRAMES_MAX = 100_000

/**
 * Makes an error without the frames of its stack, which the engine keeps until the stack is read: these would be the decoder's, and the program may
 * have raised their number. `pay` is called before, with the number of frames that the error may still have, where the program has
 * frozen `Error.stackTraceLimit`.
 */
export function withoutFrames(create: () => Error, pay: (frames: number) => void): Error {
  const limit = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')
  // V8 takes no frames where it is missing, an accessor or not a number.
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
