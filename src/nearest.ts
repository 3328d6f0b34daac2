const DISTANCE_MAX = 2

/** The most similar name, with at most two insertions, removals or replacements. */
export function nearest(text: string, names: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = DISTANCE_MAX + 1
  for (const name of names) {
    const distance = distanceWithin(text.toLowerCase(), name.toLowerCase())
    if (distance < bestDistance) [best, bestDistance] = [name, distance]
  }
  return best
}

/** The Levenshtein distance, or `DISTANCE_MAX + 1` if the lengths differ by more, because `a` can have any length. */
function distanceWithin(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > DISTANCE_MAX) return DISTANCE_MAX + 1
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
