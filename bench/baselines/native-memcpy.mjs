/**
 * One thread that copies within its own memory: how fast this machine moves bytes at all.
 * @type {import('./baseline.js').NativeBaseline}
 */
export const baseline = {
  title: 'C++: memcpy in one process',
  programs: {
    'one-way': ({ durationMs, messageBytes }) => ['memcpy', durationMs, messageBytes],
  },
}
