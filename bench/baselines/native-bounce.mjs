/**
 * Two processes on two cores that pass one cache line to and fro: no message can be faster on this machine.
 * @type {import('./baseline.js').NativeBaseline}
 */
export const baseline = {
  title: 'C++: one cache line to and fro',
  programs: {
    'round-trip': ({ durationMs }) => ['bounce', durationMs],
    'round-trip-blocking': ({ durationMs }) => ['bounce', durationMs],
  },
}
