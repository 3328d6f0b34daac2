/** A path template in the syntax of google.api.http (googleapis/googleapis: google/api/http.proto, "Path template syntax"). */
export interface PathTemplate {
  /** Percent-encoded literals, `*` for any one segment, and `**` for any number of them, at the end. */
  readonly segments: readonly string[]
  readonly variables: readonly PathVariable[]
  /** The literal behind the last colon; empty if there is none. */
  readonly verb: string
}

/** A field of the request whose value is a part of the path. */
export interface PathVariable {
  /** For example `user.id`. */
  readonly field: string
  /** The first of its segments. */
  readonly start: number
  /** The segment behind its last one. */
  readonly end: number
}

const LITERAL = /^(?:[\w.~!$&'()+,;=@-]|%[0-9A-Fa-f]{2})+$/
const FIELD_PATH = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/
/** A slash, and the text of a variable or a segment. */
const PART = /\/(?:\{([^{}]*)\}|([^/]*))/y

/** Throws a string, which says what is wrong. */
export function parsePathTemplate(text: string): PathTemplate {
  if (!text.startsWith('/')) return fail('it must begin with /')
  const segments: string[] = []
  const variables: PathVariable[] = []
  const colon = text.indexOf(':', Math.max(text.lastIndexOf('/'), text.lastIndexOf('}')))
  const path = colon === -1 ? text : text.slice(0, colon)
  const verb = colon === -1 ? '' : text.slice(colon + 1)
  if (colon !== -1 && !LITERAL.test(verb)) return fail(`"${verb}" is not a verb`)
  if (path === '/') return { segments, variables, verb }
  // The form of Express and Fastify.
  if (text.includes('/:')) return fail('a variable is written as {id}, not as :id')
  let end = 0
  while (end < path.length) {
    PART.lastIndex = end
    const part = PART.exec(path)
    if (part === null) return fail(`"${path.slice(end)}" does not continue it`)
    end = PART.lastIndex
    const [, variable, segment = ''] = part
    if (variable === undefined) segments.push(segmentOf(segment))
    else addVariable(variable, segments, variables)
  }
  const rest = segments.indexOf('**')
  if (rest !== -1 && rest !== segments.length - 1) return fail('** must be its last segment')
  return { segments, variables, verb }
}

/** `field` or `field=segments`, without the braces. */
function addVariable(text: string, segments: string[], variables: PathVariable[]): void {
  const equals = text.indexOf('=')
  const field = equals === -1 ? text : text.slice(0, equals)
  if (!FIELD_PATH.test(field)) fail(`"${field}" is not the path of a field`)
  if (variables.some((other) => other.field === field)) fail(`it has the variable "${field}" twice`)
  const start = segments.length
  segments.push(
    ...(equals === -1
      ? ['*']
      : text
          .slice(equals + 1)
          .split('/')
          .map(segmentOf)),
  )
  variables.push({ field, start, end: segments.length })
}

function segmentOf(text: string): string {
  if (text === '*' || text === '**' || LITERAL.test(text)) return text
  return fail(`"${text}" is not a segment`)
}

function fail(problem: string): never {
  throw new PathTemplateError(problem)
}

export class PathTemplateError extends Error {}
