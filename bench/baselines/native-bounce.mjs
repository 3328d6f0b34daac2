/**
 * Two processes on two cores pass one cache line back and forth: no message can be faster on this machine.
 * @type {import('./baseline.js').NativeBaseline}
 */
export const baseline = {
  title: 'C++: one cache line to and fro',
  programs: {
    'round-trip': ({ durationMs }) => ['bounce', durationMs],
    'round-trip-blocking': ({ durationMs }) => ['bounce', durationMs],
  },
}
