/**
 * The bound of a ring: the sender copies a batch into shared memory, the receiver copies it out, and one cache line
 * passes between them for each.
 * @type {import('./baseline.js').NativeBaseline}
 */
export const baseline = {
  title: 'C++: memcpy and one cache line a batch',
  programs: {
    'one-way': ({ durationMs, messageBytes }) => ['handover', durationMs, messageBytes],
  },
}
