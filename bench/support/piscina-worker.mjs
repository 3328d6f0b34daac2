/** The task of the worker pools: that of examples/pool/worker.mjs. */
export function add({ a, b }) {
  return a + b
}
