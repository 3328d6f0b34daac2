/**
 * The graph form: any value that can be sent, as a flat list of nodes in ordinary MessagePack. Node 0 is the value itself. Nodes
 * refer to each other by index, so shared and cyclic references survive and nesting needs no stack on either side. Values that
 * MessagePack lacks have a tag. A node is
 *
 *   a leaf        null, undefined, boolean, number, 64-bit bigint, string, Date, binary data
 *   [tag, …]      'object' key value …   'map' key value …   'array' element …   'set' element …
 *                 'error' class key value …
 *                 'regexp' source flags   'utf16' text   'bigint' digits   '-0'
 *
 * Keys, values and elements are indices of nodes; class is a name of ERROR_CLASSES; source and text are bytes of
 * UTF-16LE, because they may contain lone surrogates; flags and digits (hexadecimal, with a sign) are strings.
 * graph-encoder.ts writes this form, graph-decoder.ts reads it.
 */
export type GraphNode = unknown

/** The built-in classes of received errors, with their constructors. The most general comes first. */
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

/** Own properties of an error that are always sent, and that are not enumerable in the received error. */
export const HIDDEN_ERROR_KEYS: ReadonlySet<string> = new Set(['name', 'message', 'stack', 'cause', 'errors'])
