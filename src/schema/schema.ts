/**
 * A schema of any library that implements Standard Schema 1.1 (https://standardschema.dev), for example zod, valibot or arktype. `Input` is
 * the type that the schema accepts, and `Output` the type of its result.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': StandardProperties<Input, Output>
}

/** The members of a Standard Schema that shmwire uses. */
export interface StandardProperties<Input, Output> {
  readonly version: 1
  readonly vendor: string
  readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
  readonly types?: { readonly input: Input; readonly output: Output } | undefined
  /** Standard JSON Schema. */
  readonly jsonSchema?:
    | { readonly input: (options: { readonly target: 'draft-2020-12' }) => Record<string, unknown> }
    | undefined
}

/** The result of a validation. */
export type StandardResult<Output> = StandardSuccess<Output> | StandardFailure

interface StandardSuccess<Output> {
  readonly value: Output
  readonly issues?: undefined
}

interface StandardFailure {
  readonly issues: readonly StandardIssue[]
}

export interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

declare const described: unique symbol

/** A JSON Schema as a plain object, which describes messages of type `T`. */
export interface JsonSchema<T = unknown> {
  /** For the compiler only. */
  readonly [described]?: T
  readonly [keyword: string]: unknown
}

/** A schema of a message: of a library that implements Standard Schema 1.1, or a JSON Schema. */
export type MessageSchema = StandardSchema | JsonSchema
