import { types } from 'node:util'

/**
 * The class of a value by its internal slots. A value of another realm (node:vm, the test environments of Jest) has the slots, but other
 * prototypes, and a Proxy has the prototypes, but not the slots.
 */

// Captured when the module loads, so that a later change of a prototype has no effect.
// oxlint-disable-next-line typescript/unbound-method -- the callers pass an object
const textOfObject = Object.prototype.toString
// oxlint-disable-next-line typescript/unbound-method -- the callers pass a function
const sourceOfFunction = Function.prototype.toString
const typedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype) as object
// oxlint-disable-next-line typescript/unbound-method -- the callers pass a view
const typedArrayTag = Object.getOwnPropertyDescriptor(typedArrayPrototype, Symbol.toStringTag)?.get as (
  this: unknown,
) => string | undefined

/** The name of the class, for example `Promise`; `Object` for any class without a `Symbol.toStringTag`. */
export function tagOf(value: object): string {
  return textOfObject.call(value).slice('[object '.length, -1)
}

/** The name of the class of a typed array; undefined for a DataView. */
export function typedArrayNameOf(view: ArrayBufferView): string | undefined {
  return typedArrayTag.call(view)
}

/** Classes whose instances have state beyond their properties, and no `Symbol.toStringTag`. */
const CLASSES_WITHOUT_TAG = [Array, Boolean, Date, Error, Function, Number, RegExp, String]
const BUILT_IN_PROTOTYPES: ReadonlySet<unknown> = new Set(
  CLASSES_WITHOUT_TAG.map(({ prototype }) => prototype),
)
/** `function Date() { [native code] }` and so on: the same in each realm. */
const BUILT_IN_SOURCES: ReadonlySet<string> = new Set(
  CLASSES_WITHOUT_TAG.map((builtIn) => sourceOfFunction.call(builtIn)),
)
const ordinaryPrototypes = new WeakMap<object, boolean>()

/** Whether the properties are the whole state of the instances of a class. Computed once for each class. */
export function isOfOrdinaryClass(prototype: object): boolean {
  const known = ordinaryPrototypes.get(prototype)
  if (known !== undefined) return known
  const isOrdinary = builtInClassOf(prototype) === undefined
  ordinaryPrototypes.set(prototype, isOrdinary)
  return isOrdinary
}

/** The name of the nearest class in a chain of prototypes whose instances have state beyond their properties. */
function builtInClassOf(prototype: object): string | undefined {
  for (
    let link: object | null = prototype;
    link !== null;
    link = Object.getPrototypeOf(link) as object | null
  ) {
    if (!Object.hasOwn(link, Symbol.toStringTag) && !isBuiltInPrototype(link)) continue
    const creator: unknown = Object.getOwnPropertyDescriptor(link, 'constructor')?.value
    return typeof creator === 'function' ? creator.name : tagOf(link)
  }
  return undefined
}

function isBuiltInPrototype(link: object): boolean {
  if (BUILT_IN_PROTOTYPES.has(link)) return true
  const creator: unknown = Object.getOwnPropertyDescriptor(link, 'constructor')?.value
  // A class can have a misleading constructor.
  return (
    typeof creator === 'function' &&
    creator.prototype === link &&
    BUILT_IN_SOURCES.has(sourceOfFunction.call(creator))
  )
}

const TAGGED = 'a class with Symbol.toStringTag'

/** Whether a program, not the engine or Node, has set the `Symbol.toStringTag` of an object: theirs are read-only. */
function isTaggedByProgram(value: object): boolean {
  let link: object | null = value
  while (link !== null && !Object.hasOwn(link, Symbol.toStringTag))
    link = Object.getPrototypeOf(link) as object | null
  return link !== null && Object.getOwnPropertyDescriptor(link, Symbol.toStringTag)?.writable !== false
}

/** Also a DOMException, which is not a native error in every version of Node and in jsdom. */
export function isError(value: object): value is Error {
  return types.isNativeError(value) || (tagOf(value) === 'DOMException' && !types.isProxy(value))
}

/**
 * Why the properties of an object, which is not of a class that a codec knows, are not its whole state: `a Promise`, `a Proxy of a Map`.
 * Undefined if they are.
 */
export function hiddenStateOf(value: object): string | undefined {
  if (types.isProxy(value)) {
    const prototype = Object.getPrototypeOf(value) as object | null
    const className = prototype === null ? undefined : builtInClassOf(prototype)
    if (prototype === null || className === undefined) return undefined
    return isTaggedByProgram(prototype)
      ? `a Proxy of a ${className} (${TAGGED})`
      : `a Proxy of a built-in object (${className})`
  }
  const tag = tagOf(value)
  if (types.isBoxedPrimitive(value)) return `a ${tag} object`
  if (tag === 'Object') return undefined
  return isTaggedByProgram(value) ? `a ${tag} (${TAGGED})` : `a ${tag}`
}
