/**
 * The graph form: any value that may be sent, as a flat list of nodes that ordinary MessagePack holds. Node 0 is
 * the value itself; nodes refer to each other by index, so shared and cyclic references survive, nesting costs no
 * stack on either side, and what MessagePack lacks has a tag. A node is
 *
 *   a leaf        null, undefined, boolean, number, 64-bit bigint, string, Date, binary data
 *   [tag, …]      'object' key value …   'map' key value …   'array' element …   'set' element …
 *                 'error' class key value …
 *                 'regexp' source flags   'utf16' text   'bigint' digits   '-0'
 *
 * Keys, values and elements are indices of nodes; class is a name of ERROR_CLASSES; source and text are bytes of
 * UTF-16LE, because they may hold lone surrogates; flags and digits (hexadecimal, with a sign) are strings.
 * Written by flatten.ts, read by rebuild.ts.
 */
export type GraphNode = unknown

/** The built-in classes that an error can have on arrival, and how to make one. The most general comes first. */
export const ERROR_CLASSES: Readonly<Record<string, () => Error>> = {
  Error: () => new Error(),
  EvalError: () => new EvalError(),
  RangeError: () => new RangeError(),
  ReferenceError: () => new ReferenceError(),
  SyntaxError: () => new SyntaxError(),
  TypeError: () => new TypeError(),
  URIError: () => new URIError(),
  AggregateError: () => new AggregateError([]),
}

/** Properties of an error that are carried wherever they are its own, and are not enumerable on arrival. */
export const HIDDEN_ERROR_KEYS: ReadonlySet<string> = new Set(['name', 'message', 'stack', 'cause', 'errors'])
