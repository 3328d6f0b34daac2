/**
 * One thread copies within its own memory: the maximum speed of copies on this machine.
 * @type {import('./baseline.js').NativeBaseline}
 */
export const baseline = {
  title: 'C++: memcpy in one process',
  programs: {
    'one-way': ({ durationMs, messageBytes }) => ['memcpy', durationMs, messageBytes],
  },
}
