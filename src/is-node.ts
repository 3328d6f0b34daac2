/** Bun and Deno also have the name `node` there, and another entry in `process.versions`. */
export const isNode =
  process.release?.name === 'node' && !('bun' in process.versions) && !('deno' in process.versions)
