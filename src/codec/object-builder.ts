import { shapedObjectBytes } from './decode-budget.js'

/** Gives the values of an object, one after the other. */
interface ValueSource {
  read(): unknown
}

type Build = (source: ValueSource) => object

/** Objects of a shape that are built key by key, before a function for it is worth its compilation. */
const COMPILE_AFTER = 32
/** Functions that are kept for the shapes of all channels. The oldest go first; who has one keeps it. */
const COMPILED_MAX = 256

/** By the text of the function. A server has the same shapes from a thousand clients. */
const compiled = new Map<string, Build>()
/** Not under --disallow-code-generation-from-strings. */
let mayCompile = true

/**
 * Puts objects of one shape together. The engine makes an object of known keys at once, and one whose keys
 * are in a list key by key, several times slower; so what comes often gets a function with an object literal of its keys.
 */
export class ObjectBuilder {
  readonly #keys: readonly string[]
  /** What one object takes, without its values. */
  objectBytes: number
  #built = 0
  #compiled: Build | undefined

  /** The keys differ, and none is `__proto__`. */
  constructor(keys: readonly string[]) {
    this.#keys = keys
    this.objectBytes = shapedObjectBytes(keys, false)
  }

  build(source: ValueSource): object {
    if (this.#compiled !== undefined) return this.#compiled(source)
    this.#built += 1
    if (this.#built === COMPILE_AFTER && mayCompile) this.#compile()
    const keys = this.#keys
    const object: Record<string, unknown> = {}
    for (let index = 0; index < keys.length; index++) object[keys[index] as string] = source.read()
    return object
  }

  #compile(): void {
    this.#compiled = compile(this.#keys)
    if (this.#compiled !== undefined) this.objectBytes = shapedObjectBytes(this.#keys, true)
  }
}

/** The keys are the peer's. What JSON.stringify makes of a string is a string literal of JavaScript, whatever is in it. */
function compile(keys: readonly string[]): Build | undefined {
  const text = `return (source) => ({${keys.map((key) => `${JSON.stringify(key)}: source.read()`).join(', ')}})`
  let build = compiled.get(text)
  if (build === undefined) {
    try {
      // oxlint-disable-next-line typescript/no-implied-eval -- see above: what is the peer's can be nothing but a literal
      build = new Function(text)() as Build
    } catch (error) {
      // Anything else, such as a full stack, says nothing about the next time.
      if (error instanceof EvalError) mayCompile = false
      return undefined
    }
    compiled.set(text, build)
    if (compiled.size > COMPILED_MAX) compiled.delete(compiled.keys().next().value as string)
  }
  return build
}
