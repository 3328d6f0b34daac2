/**
 * The graph form: any value that can be sent, as a flat list of nodes in the tree form, without shaped objects. Node 0 is the value
 * itself. Nodes refer to each other by index, so shared and cyclic references survive and nesting needs no stack on either side. A node is
 *
 *   a leaf        undefined, a primitive, Date, RegExp, binary data
 *   [tag, …]      'object' key value …   'map' key value …   'array' element …   'set' element …
 *                 'error' class key value …
 *
 * Keys, values and elements are indices of nodes; class is a name of the classes in error-parts.ts.
 * graph-encoder.ts writes this form, graph-decoder.ts reads it.
 */
export type GraphNode = unknown
