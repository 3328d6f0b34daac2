/**
 * Runs code of the user during work that must continue. An error that it throws is an uncaught exception, as for any other event, and does
 * not stop that work.
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

/** The text of any thrown value, for a message. The accessors of such a value can throw again. */
export function textOfThrown(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown)
  } catch {
    return 'the thrown value has no readable message'
  }
}
