/** @type {import('./baseline.js').NativeBaseline} */
export const baseline = {
  title: 'C++: our ring without Node',
  programs: {
    'round-trip': ({ durationMs, messageBytes }) => ['ring-round-trip', durationMs, messageBytes],
    'round-trip-blocking': ({ durationMs, messageBytes }) => ['ring-round-trip', durationMs, messageBytes],
    'one-way': ({ durationMs, messageBytes }) => ['ring-one-way', durationMs, messageBytes],
  },
}
