/** Computes for this time. */
export function work(micros) {
  const endMs = performance.now() + micros / 1000
  while (performance.now() < endMs);
}
