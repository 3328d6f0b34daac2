// Captured when the module loads: the methods of a derived class can do anything.
// oxlint-disable-next-line typescript/unbound-method -- the callers pass a Map
const forEachEntry = Map.prototype.forEach
// oxlint-disable-next-line typescript/unbound-method -- the callers pass a Set
const forEachElement = Set.prototype.forEach

/** The keys and members of a Map, of any realm, in turn: key, member, key, member, … */
export function entriesOf(map: Map<unknown, unknown>): unknown[] {
  const entries: unknown[] = []
  forEachEntry.call(map, (member, key) => entries.push(key, member))
  return entries
}

/** The elements of a Set, of any realm. */
export function elementsOf(set: Set<unknown>): unknown[] {
  const elements: unknown[] = []
  forEachElement.call(set, (element) => elements.push(element))
  return elements
}
