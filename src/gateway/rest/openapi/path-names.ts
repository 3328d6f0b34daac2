import type { HttpBinding } from '../../../service/contract/http-binding.js'
import type { PathVariable } from '../../../service/contract/path-template.js'

/** A path template of OpenAPI, in which each parameter is one segment, or the rest of the path. */
export interface OpenApiPath {
  /** For example `/v1/shelves/{name}/books:purge`. */
  readonly path: string
  readonly parameters: readonly PathParameter[]
}

/** A star of a template. */
export interface PathParameter {
  readonly name: string
  /** The variable that has this star; undefined for a star outside of variables, whose value has no effect. */
  readonly variable: PathVariable | undefined
  /** Whether the value is the whole variable. */
  readonly isWhole: boolean
  /** The star is `**`: the value can have slashes, or be empty. */
  readonly isRest: boolean
  /** The variable with its literals and the names of its parameters, for example `shelves/{name}`. */
  readonly pattern: string
}

/**
 * OpenAPI has no patterns for several segments, so the literals of a variable become parts of the path: `{name=shelves/*}` is
 * `shelves/{name}`.
 */
export function openApiPath({ template }: HttpBinding): OpenApiPath {
  const { segments, variables, verb } = template
  const stars = segments.flatMap((segment, index) => (segment.startsWith('*') ? [index] : []))
  const names = new Map<number, string>()
  for (const index of stars) {
    const variable = variableAt(index, variables)
    // Some readers of documents do not take a dot for a part of a name.
    const name = variable?.field.replaceAll('.', '_') ?? 'segment'
    const own = variable === undefined ? [index] : starsOf(variable, segments)
    const number = own.indexOf(index) + 1
    names.set(index, uniqueName(number === 1 ? name : `${name}_${number}`, [...names.values()]))
  }
  const written = segments.map((segment, index) =>
    names.has(index) ? `{${names.get(index) as string}}` : segment,
  )
  const parameters = stars.map((index): PathParameter => {
    const variable = variableAt(index, variables)
    return {
      name: names.get(index) as string,
      variable,
      isWhole: variable !== undefined && variable.end === variable.start + 1,
      isRest: segments[index] === '**',
      pattern: written.slice(variable?.start ?? index, variable?.end ?? index + 1).join('/'),
    }
  })
  return { path: `/${written.join('/')}${verb === '' ? '' : `:${verb}`}`, parameters }
}

/** Equal for paths that match the same requests, which a document must not have twice. */
export function shapeOf(path: string): string {
  return path.replaceAll(/\{[^}]*\}/g, '{}')
}

function variableAt(index: number, variables: readonly PathVariable[]): PathVariable | undefined {
  return variables.find(({ start, end }) => start <= index && index < end)
}

function starsOf({ start, end }: PathVariable, segments: readonly string[]): number[] {
  return segments.flatMap((segment, index) =>
    index >= start && index < end && segment.startsWith('*') ? [index] : [],
  )
}

function uniqueName(name: string, taken: readonly string[]): string {
  let unique = name
  for (let number = 2; taken.includes(unique); number += 1) unique = `${name}_${number}`
  return unique
}
