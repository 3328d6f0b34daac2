/** Runs `body`; the exceptions that nobody caught meanwhile do not end the process and are returned. */
export async function collectUncaught(body: () => Promise<void>): Promise<unknown[]> {
  const thrown: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  const collect = (error: unknown): void => {
    thrown.push(error)
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
