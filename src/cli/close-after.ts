/** After a failure, a server that does not answer the close holds the program up no longer than this. */
const FAILED_CLOSE_MS = 500

/**
 * Runs `work`, and then `close` with the time that it may take. Rejects with the error of `work`, because that of `close` is often only its
 * consequence.
 */
export async function closeAfter(
  work: () => Promise<void>,
  close: (timeoutMs: number) => Promise<unknown>,
  timeoutMs: number,
): Promise<void> {
  await closeAfterFailure(work, close)
  await close(timeoutMs)
}

/** Like `closeAfter`, but leaves it open if `work` succeeds. */
export async function closeAfterFailure(
  work: () => Promise<void>,
  close: (timeoutMs: number) => Promise<unknown>,
): Promise<void> {
  try {
    await work()
  } catch (error) {
    await close(FAILED_CLOSE_MS).catch(() => {})
    throw error
  }
}
