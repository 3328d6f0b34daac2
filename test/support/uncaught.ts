/** More than any test throws: the runtime throws for ever. */
const UNCAUGHT_MAX = 100_000

/** Runs `body`. Returns the uncaught exceptions of that time, which do not end the process. */
export async function collectUncaught(body: () => Promise<void>): Promise<unknown[]> {
  const thrown: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  const collect = (error: unknown): void => {
    thrown.push(error)
    // Ends the process, as nothing else can.
    if (thrown.length > UNCAUGHT_MAX)
      throw new Error(`${UNCAUGHT_MAX} uncaught exceptions in one test`, { cause: error })
  }
  process.on('uncaughtException', collect)
  try {
    await body()
  } finally {
    process.off('uncaughtException', collect)
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
  return thrown
}
