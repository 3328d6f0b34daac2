/**
 * The wait before a further attempt, in milliseconds: any time up to a limit that doubles with each attempt, at most `maxMs`, so that many who
 * wait do not try all at once (M. Brooker, "Exponential Backoff And Jitter", 2015: full jitter). `attempt` is the one that failed, from 1.
 */
export function backOffMs(
  attempt: number,
  minMs: number,
  maxMs: number,
  random: () => number = Math.random,
): number {
  return random() * Math.min(maxMs, minMs * 2 ** (attempt - 1))
}
