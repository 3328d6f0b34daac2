import { nextTick } from './host.js'

/**
 * Runs code of the user during work that must continue. An error that it throws is an uncaught exception, as for any other event, and does
 * not stop that work.
 */
export function runApart(work: () => void): void {
  try {
    work()
  } catch (thrown) {
    nextTick(() => {
      throw thrown
    })
  }
}

/** The text of any thrown value, for a message. The accessors of such a value can throw again. */
export function textOfThrown(thrown: unknown): string {
  try {
    // An error of another realm is not an instance of this Error.
    const message: unknown =
      typeof thrown === 'object' && thrown !== null && 'message' in thrown ? thrown.message : undefined
    return typeof message === 'string' ? message : String(thrown)
  } catch {
    return 'the thrown value has no readable message'
  }
}

/** Without the rest, such as the list of callers that Node appends to the message of a failed `require`. */
export function firstLineOfThrown(thrown: unknown): string {
  const text = textOfThrown(thrown)
  return text.split('\n', 1)[0] ?? text
}
