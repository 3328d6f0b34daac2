/**
 * Runs what may call code of the user, in the midst of work that has to go on: what that throws is an uncaught
 * exception, as with any other event, and keeps back nothing of ours.
 */
export function runApart(work: () => void): void {
  try {
    work()
  } catch (thrown) {
    process.nextTick(() => {
      throw thrown
    })
  }
}

/** What was thrown, as text for a message. Anything can be thrown, with accessors that throw again. */
export function textOfThrown(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown)
  } catch {
    return 'what was thrown cannot be told'
  }
}
