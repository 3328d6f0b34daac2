import { checkOptionNames, invalid, misuse, show } from '../../options.js'
import { type PathTemplate, PathTemplateError, parsePathTemplate } from './path-template.js'

/** A route of a method in a REST gateway, as an option: `'GET /api/v1/users/{id}'`, or an object with more. */
export interface HttpRoute {
  /** A method of HTTP and a path template in the syntax of google.api.http. */
  route: string
  /**
   * The field of the request that the body holds: `'*'` for all that are not in the path, or `''` for none. Default `'*'` for POST, PUT and
   * PATCH, otherwise `''`.
   */
  body?: string | undefined
  /** The field of the response that is the body of the reply. Default: the whole response. */
  responseBody?: string | undefined
}

/** The routes of one method, as an option. */
export type HttpRoutes = string | HttpRoute | readonly (string | HttpRoute)[]

/** A route of a method in a REST gateway. */
export interface HttpBinding {
  readonly method: HttpMethod
  /** The path template, for example `/api/v1/users/{id}`. */
  readonly path: string
  readonly template: PathTemplate
  /** `*`, the name of a field, or empty. */
  readonly body: string
  /** The name of a field, or empty for the whole response. */
  readonly responseBody: string
}

/** The methods of HTTP that a route can have. */
export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'

const METHODS: readonly HttpMethod[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const WITH_BODY: readonly string[] = ['POST', 'PUT', 'PATCH']
const WITHOUT_BODY: readonly string[] = ['GET', 'HEAD', 'OPTIONS']
const BINDINGS_MAX = 32
const PATH_CHARACTERS_MAX = 1024
const FIELD = /^[A-Za-z_]\w*$/
const ROUTE_OPTIONS: readonly string[] = ['route', 'body', 'responseBody'] satisfies (keyof HttpRoute)[]

/**
 * Checks the option `http`. Throws `INVALID_ARGUMENT`.
 *
 * @param place for example `http of user.UserService.getUser`
 */
export function httpBindings(place: string, option: unknown): readonly HttpBinding[] {
  if (option === undefined) return []
  const routes = Array.isArray(option) ? option : [option]
  if (routes.length > BINDINGS_MAX)
    throw misuse(`${place} has ${routes.length} routes; the maximum is ${BINDINGS_MAX}`)
  return routes.map((route: unknown) => bindingOf(place, route))
}

function bindingOf(place: string, option: unknown): HttpBinding {
  if (typeof option === 'string') return bindingOf(place, { route: option })
  if (typeof option !== 'object' || option === null)
    throw invalid(
      place,
      option,
      'a string such as "GET /users/{id}", an object with route, or an array of these',
    )
  checkOptionNames(option, ROUTE_OPTIONS)
  const { route, body, responseBody = '' } = option as HttpRoute
  const [method = '', path, ...rest] = typeof route === 'string' ? route.split(' ') : []
  if (path === undefined || rest.length > 0)
    throw invalid(place, route, 'a method of HTTP, a space and a path, for example "GET /users/{id}"')
  return httpBinding(place, {
    method,
    path,
    body: body ?? (WITH_BODY.includes(method) ? '*' : ''),
    responseBody,
  })
}

/** Checks the parts of a binding. Throws `INVALID_ARGUMENT`. */
export function httpBinding(
  place: string,
  parts: Readonly<Record<'method' | 'path' | 'body' | 'responseBody', string>>,
): HttpBinding {
  const { method, path, body, responseBody } = parts
  if (!isMethod(method)) throw invalid(`the method in ${place}`, method, `one of ${METHODS.join(', ')}`)
  if (body !== '' && body !== '*' && !FIELD.test(body))
    throw invalid(`body in ${place}`, body, '"*", the name of a field, or ""')
  if (body !== '' && WITHOUT_BODY.includes(method))
    throw misuse(`${place} has a body, and ${method} requests have none; use POST, PUT, PATCH or DELETE`)
  if (responseBody !== '' && !FIELD.test(responseBody))
    throw invalid(`responseBody in ${place}`, responseBody, 'the name of a field, or ""')
  return { method, path, template: templateOf(place, path), body, responseBody }
}

/** Equal for bindings that accept the same requests: names of variables do not matter. */
export function routeOf({ method, template }: HttpBinding): string {
  const verb = template.verb === '' ? '' : `:${template.verb}`
  return `${method} /${template.segments.join('/')}${verb}`
}

function templateOf(place: string, path: string): PathTemplate {
  if (path.length > PATH_CHARACTERS_MAX)
    throw invalid(`the path in ${place}`, path, `at most ${PATH_CHARACTERS_MAX} characters`)
  try {
    return parsePathTemplate(path)
  } catch (error) {
    if (!(error instanceof PathTemplateError)) throw error
    throw misuse(`the path ${show(path)} in ${place} is not a path template: ${error.message}`)
  }
}

function isMethod(text: string): text is HttpMethod {
  return (METHODS as readonly string[]).includes(text)
}
