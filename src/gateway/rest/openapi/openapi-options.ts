import { checkOptionNames, invalid } from '../../../options.js'

/** The parts of an OpenAPI document that do not come from contracts. */
export interface OpenApiOptions {
  /** The name of the API, its version, and more. */
  info: OpenApiInfo
  /** Where the API is reached. Default: the server that the document comes from, with the prefix of the gateway. */
  servers?: readonly OpenApiServer[] | undefined
}

/** An Info Object of OpenAPI 3.1. The texts of `description` can have Markdown. */
export interface OpenApiInfo {
  /** The name of the API. */
  title: string
  /** The version of the API, for example `'1.0.0'`. */
  version: string
  /** One sentence. Default: none. */
  summary?: string | undefined
  /** Default: none. */
  description?: string | undefined
  /** A URL. Default: none. */
  termsOfService?: string | undefined
  /** Default: none. */
  contact?: OpenApiContact | undefined
  /** Default: none. */
  license?: OpenApiLicense | undefined
}

/** A Contact Object of OpenAPI 3.1. */
export interface OpenApiContact {
  name?: string | undefined
  url?: string | undefined
  email?: string | undefined
}

/** A License Object of OpenAPI 3.1: `identifier` is an expression of SPDX, and cannot be combined with `url`. */
export interface OpenApiLicense {
  name: string
  identifier?: string | undefined
  url?: string | undefined
}

/** A Server Object of OpenAPI 3.1. */
export interface OpenApiServer {
  /** With the prefix of the gateway, for example `'https://api.example.com/users'`. */
  url: string
  /** Default: none. */
  description?: string | undefined
}

const OPTION_NAMES: readonly string[] = ['info', 'servers'] satisfies (keyof OpenApiOptions)[]
const INFO_NAMES: readonly string[] = [
  'title',
  'version',
  'summary',
  'description',
  'termsOfService',
  'contact',
  'license',
] satisfies (keyof OpenApiInfo)[]
const CONTACT_NAMES: readonly string[] = ['name', 'url', 'email'] satisfies (keyof OpenApiContact)[]
const LICENSE_NAMES: readonly string[] = ['name', 'identifier', 'url'] satisfies (keyof OpenApiLicense)[]
const SERVER_NAMES: readonly string[] = ['url', 'description'] satisfies (keyof OpenApiServer)[]

/** Checks the option `openapi`. Throws `INVALID_ARGUMENT`. */
export function checkOpenApiOptions(options: OpenApiOptions): void {
  if (typeof options !== 'object' || options === null)
    throw invalid('openapi', options, 'an object with info')
  checkOptionNames(options, OPTION_NAMES)
  const { info, servers = [] } = options
  checkTexts('openapi.info', info, INFO_NAMES, ['title', 'version'])
  if (info.contact !== undefined) checkTexts('openapi.info.contact', info.contact, CONTACT_NAMES, [])
  if (info.license !== undefined) checkTexts('openapi.info.license', info.license, LICENSE_NAMES, ['name'])
  if (!Array.isArray(servers) || (options.servers !== undefined && servers.length === 0))
    throw invalid('openapi.servers', servers, 'an array with at least one { url }')
  for (const [index, server] of servers.entries())
    checkTexts(`openapi.servers[${index}]`, server, SERVER_NAMES, ['url'])
}

/** Checks that the texts of an object are texts, and that the required ones exist. */
function checkTexts(place: string, value: unknown, names: readonly string[], required: readonly string[]) {
  if (typeof value !== 'object' || value === null)
    throw invalid(place, value, `an object with ${names.join(', ')}`)
  checkOptionNames(value, names)
  for (const name of names) {
    const text: unknown = (value as Readonly<Record<string, unknown>>)[name]
    const isObject = name === 'contact' || name === 'license'
    const isMissing = text === undefined && !required.includes(name)
    if (!isMissing && !isObject && (typeof text !== 'string' || text === ''))
      throw invalid(`${place}.${name}`, text, 'a text')
  }
}
