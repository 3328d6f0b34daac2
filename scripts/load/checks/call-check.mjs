// Compares the answers that clients got with the work of the service.
const SHOWN = 5

/** Each change that was answered over REST must be in the file of the service. Both have one id on each line. */
export function lostChanges(answered, executed) {
  const known = new Set(executed)
  const lost = answered.filter((id) => !known.has(id))
  if (lost.length === 0) return []
  return [`${lost.length} changes were answered, but not executed: ${lost.slice(0, SHOWN).join(', ')}`]
}

/** `outcomes`: `[{ source, started, open, latency, errors }]`. Each operation has ended in one way. */
export function openOperations(outcomes) {
  return outcomes
    .filter(({ open }) => open > 0)
    .map(({ source, open, started }) => `${open} of ${started} operations have not ended: ${source}`)
}
