/** Runs `work`, and then `close`. Rejects with the error of `work`, because that of `close` is often only its consequence. */
export async function closeAfter(work: () => Promise<void>, close: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
  await close()
}
