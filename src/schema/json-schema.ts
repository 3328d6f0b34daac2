import { ErrorCode, ShmwireError } from '../errors.js'
import { invalid, show } from '../options.js'
import { canonicalJson } from './canonical-json.js'
import { type MessagePlace, messageFault, violationAt } from './field-violations.js'
import type { MessageType } from './message-type.js'
import type { JsonSchema } from './schema.js'

/** Declares the type of the messages that a JSON Schema describes. Returns the same object. */
export function jsonSchema<T>(schema: object): JsonSchema<T> {
  if (!isPlainObject(schema)) throw invalid('the JSON Schema', schema, 'a plain object')
  return schema
}

/** The modules of ajv by the draft that `$schema` names. */
const DRAFTS: ReadonlyMap<string, string> = new Map([
  ['https://json-schema.org/draft/2020-12/schema', 'ajv/dist/2020.js'],
  ['https://json-schema.org/draft/2019-09/schema', 'ajv/dist/2019.js'],
  ['http://json-schema.org/draft-07/schema', 'ajv/dist/ajv.js'],
])
const DRAFT_DEFAULT = 'https://json-schema.org/draft/2020-12/schema'
/** Annotations of OpenAPI 3.1, which ajv does not know. */
const ANNOTATIONS = ['discriminator', 'example', 'externalDocs', 'xml']

/** A validation function of ajv. */
interface Validate {
  (value: unknown): boolean
  errors?: { readonly instancePath: string; readonly message?: string; readonly params: unknown }[] | null
}

/** Throws `INVALID_ARGUMENT` for a value that is not JSON, or a draft that is not known. The schema itself is checked by `prepare`. */
export function jsonMessageType(schema: Readonly<Record<string, unknown>>, place: MessagePlace): MessageType {
  const what = `the JSON Schema of the ${place.direction} of ${place.method}`
  const { $schema: draft = DRAFT_DEFAULT } = schema
  const module = DRAFTS.get(String(draft).replace(/#$/, ''))
  if (module === undefined)
    throw invalid(`$schema in ${what}`, draft, `one of ${[...DRAFTS.keys()].join(', ')}`)
  // Also the copy that is compiled, because the program can change the object.
  const json = canonicalJson(schema)
  let validate: Validate | undefined
  let loading: Promise<void> | undefined
  const load = async (): Promise<void> => {
    validate = await compile(JSON.parse(json), module, place, what)
  }
  const prepare = (): Promise<void> => {
    loading ??= load()
    return loading
  }
  const check = (value: unknown, valid: Validate): unknown => {
    if (valid(value)) return value
    throw messageFault(place, (valid.errors ?? []).map(violationOf))
  }
  return {
    empty: false,
    prepare,
    parse: (value) => {
      if (validate !== undefined) return check(value, validate)
      return prepare().then(() => check(value, validate as Validate))
    },
    jsonSchema: () => JSON.parse(json),
  }
}

/** Whether the value can be a JSON Schema. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

async function compile(
  schema: Record<string, unknown>,
  module: string,
  place: MessagePlace,
  what: string,
): Promise<Validate> {
  const Ajv = await loadAjv(module, what)
  const ajv = new Ajv({
    // Without allErrors, the work for a wrong message is bounded: the first error ends it.
    strict: false,
    strictSchema: true,
    // A default would change the value of a handler.
    useDefaults: place.direction === 'input',
    // The specification makes format an annotation; ajv has formats in another package only.
    validateFormats: false,
    logger: false,
  })
  ajv.addVocabulary([...ANNOTATIONS, ...extensionsIn(schema)])
  try {
    return ajv.compile(schema)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ShmwireError(ErrorCode.INVALID_ARGUMENT, `${what} is not valid: ${reason}`, { cause })
  }
}

interface Ajv {
  addVocabulary(keywords: readonly string[]): unknown
  compile(schema: object): Validate
}

async function loadAjv(module: string, what: string): Promise<new (options: object) => Ajv> {
  try {
    // A bundler must not resolve an optional package.
    const loaded = await import(/* webpackIgnore: true */ /* @vite-ignore */ module)
    return loaded.default.default ?? loaded.default
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    const remedy = 'run: npm install ajv'
    throw new ShmwireError(ErrorCode.UNAVAILABLE, `${what} needs the package ajv (version 8); ${remedy}`, {
      cause,
    })
  }
}

/** The keywords that begin with `x-`, which are annotations. */
function extensionsIn(schema: unknown, found = new Set<string>()): Set<string> {
  if (typeof schema !== 'object' || schema === null) return found
  for (const [key, value] of Object.entries(schema)) {
    if (key.startsWith('x-')) found.add(key)
    extensionsIn(value, found)
  }
  return found
}

function violationOf({
  instancePath,
  message = 'is not valid',
  params,
}: NonNullable<Validate['errors']>[number]) {
  const path = instancePath.split('/').slice(1)
  const steps = path.map((step) =>
    /^\d+$/.test(step) ? Number(step) : step.replaceAll('~1', '/').replaceAll('~0', '~'),
  )
  const { additionalProperty } = params as { additionalProperty?: unknown }
  const name = additionalProperty === undefined ? '' : `: ${show(additionalProperty)}`
  return violationAt(steps, `${message}${name}`)
}
