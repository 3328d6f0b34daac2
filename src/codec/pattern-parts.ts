/** The accessors of the engine: those of a derived class can return another pattern than the one that matches. */
const SOURCE = getterOf('source')
const FLAGS = Object.entries({
  d: 'hasIndices',
  g: 'global',
  i: 'ignoreCase',
  m: 'multiline',
  s: 'dotAll',
  u: 'unicode',
  v: 'unicodeSets',
  y: 'sticky',
}).map(([flag, name]) => [flag, getterOf(name)] as const)

/** The most flags of a regular expression, because each can occur once. */
export const FLAGS_MAX = FLAGS.length

function getterOf(name: string): (this: RegExp) => unknown {
  // oxlint-disable-next-line typescript/unbound-method -- the callers pass a pattern
  return Object.getOwnPropertyDescriptor(RegExp.prototype, name)?.get as (this: RegExp) => unknown
}

/** The source and the flags of a regular expression, also of another realm. */
export function patternOf(value: RegExp): { source: string; flags: string } {
  let flags = ''
  for (const [flag, isSet] of FLAGS) if (isSet.call(value) === true) flags += flag
  return { source: SOURCE.call(value) as string, flags }
}
