import { types } from 'node:util'
import { shapedObjectBytes } from './decode-budget.js'
import { defineMember } from './plain.js'

/** Returns the values of an object, one after the other. */
interface ValueSource {
  read(): unknown
}

type Build = (source: ValueSource) => object

/** After so many objects of a shape, a compiled function is worth its compilation. */
const COMPILE_AFTER = 32
/** Functions that are kept for the shapes of all channels. The oldest is dropped first; its builders keep it. */
const COMPILED_MAX = 256

/** By the text of the function, because the clients of a server often send the same shapes. */
const compiled = new Map<string, Build>()
/** False under --disallow-code-generation-from-strings. */
let mayCompile = true

/**
 * Creates objects of one shape. The engine creates an object literal at once, but adds the keys of a list one by one, which is several
 * times slower. So a frequent shape gets a function with an object literal of its keys.
 */
export class ObjectBuilder {
  readonly #keys: readonly string[]
  /** The memory of one object of `build`, without its values. */
  objectBytes: number
  /** The memory of one object for `addMembers`, without its values. */
  readonly filledBytes: number
  #built = 0
  #compiled: Build | undefined

  /** The keys differ, and none is `__proto__`. */
  constructor(keys: readonly string[]) {
    this.#keys = keys
    this.filledBytes = shapedObjectBytes(keys, false)
    this.objectBytes = this.filledBytes
  }

  build(source: ValueSource): object {
    if (this.#compiled !== undefined) return this.#compiled(source)
    this.#built += 1
    if (this.#built === COMPILE_AFTER && mayCompile) this.#compile()
    const object: Record<string, unknown> = {}
    this.addMembers(object, source)
    return object
  }

  /** Adds the members to an object that exists before its values are read. */
  addMembers(object: Record<string, unknown>, source: ValueSource): void {
    const keys = this.#keys
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index] as string
      // See tree-reader.ts. An object literal defines its members.
      if (key in Object.prototype) defineMember(object, key, source.read())
      else object[key] = source.read()
    }
  }

  #compile(): void {
    this.#compiled = compile(this.#keys)
    if (this.#compiled !== undefined) this.objectBytes = shapedObjectBytes(this.#keys, true)
  }
}

/** The peer chose the keys. JSON.stringify turns any string into a string literal of JavaScript. */
function compile(keys: readonly string[]): Build | undefined {
  const text = `return (source) => ({${keys.map((key) => `${JSON.stringify(key)}: source.read()`).join(', ')}})`
  let build = compiled.get(text)
  if (build === undefined) {
    try {
      // oxlint-disable-next-line typescript/no-implied-eval -- the input of the peer is only in literals
      build = new Function(text)() as Build
    } catch (error) {
      // After another error, such as a full stack, the next compilation can succeed.
      if (types.isNativeError(error) && error.name === 'EvalError') mayCompile = false
      return undefined
    }
    compiled.set(text, build)
    if (compiled.size > COMPILED_MAX) compiled.delete(compiled.keys().next().value as string)
  }
  return build
}
