/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

export async function turns(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await turn()
}

/** Resolves when the condition holds. The test's own timeout ends the wait. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
}

/** The value once it is the same in several readings in a row. */
export async function settled<T>(read: () => T): Promise<T> {
  let value = read()
  for (let equal = 0; equal < 5; equal += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    const next = read()
    if (next !== value) equal = 0
    value = next
  }
  return value
}
