import { STATUS_CODES } from 'node:http'
import { retryDelayMsOf } from '../../service/retry-rules.js'
import { isFault, publicError } from '../public-error.js'
import { names } from './accept.js'
import { HttpError } from './http-error.js'
import { httpStatusOf } from './http-status.js'
import { jsonText } from './message-form.js'

/** An error as the client of a request gets it. */
export interface ErrorAnswer {
  readonly statusCode: number
  /** The reason of the error, otherwise its status. */
  readonly code: string
  readonly message: string
  readonly details: unknown
  readonly headers: Readonly<Record<string, string>> | undefined
  /** A mistake of the service or the gateway. */
  readonly fault: boolean
}

/** The form of errors: the envelope `{ error: { code, message, details } }`, or RFC 9457. */
export type ErrorForm = 'envelope' | 'problem'

export const PROBLEM_TYPE = 'application/problem+json'

/** As Fastify completes it. */
export const PROBLEM_CONTENT_TYPE = `${PROBLEM_TYPE}; charset=utf-8`
/** Seconds until a client should try again, when a service is absent, or refuses calls for a time that it states. */
const RETRY_AFTER_S_MIN = 1
const RETRY_AFTER_S_MAX = 86_400
const CODES_BY_HTTP_STATUS: ReadonlyMap<number, string> = new Map([
  [400, 'INVALID_ARGUMENT'],
  [401, 'UNAUTHENTICATED'],
  [403, 'PERMISSION_DENIED'],
  [404, 'NOT_FOUND'],
  [405, 'METHOD_NOT_ALLOWED'],
  [406, 'NOT_ACCEPTABLE'],
  [408, 'REQUEST_TIMEOUT'],
  [409, 'ALREADY_EXISTS'],
  [413, 'BODY_TOO_LARGE'],
  [414, 'URI_TOO_LONG'],
  [415, 'UNSUPPORTED_MEDIA_TYPE'],
  [417, 'EXPECTATION_FAILED'],
  [429, 'RESOURCE_EXHAUSTED'],
  [431, 'HEADERS_TOO_LARGE'],
])
/** Errors of Fastify, whose own texts are about its API. */
const FASTIFY_MESSAGES: ReadonlyMap<string, string> = new Map([
  ['FST_ERR_CTP_BODY_TOO_LARGE', 'the body is too long'],
  ['FST_ERR_CTP_INVALID_CONTENT_LENGTH', 'the body does not have the length that content-length states'],
  ['FST_ERR_CTP_INVALID_MEDIA_TYPE', 'the body must be JSON, with content-type: application/json'],
  ['FST_ERR_BAD_URL', 'the path has a percent-encoding that is not valid UTF-8'],
  ['FST_ERR_MAX_PARAM_LENGTH', 'the path is too long'],
])

/** Describes any error for the client of a request. Texts of mistakes stay here. */
export function errorAnswer(error: unknown): ErrorAnswer {
  const statusCode = clientFaultOf(error)
  if (statusCode !== undefined) return answerOfFramework(error as Error & { code?: unknown }, statusCode)
  const { status, reason, message, details } = publicError(error)
  const own = error instanceof HttpError ? error : undefined
  return {
    statusCode: own?.httpStatus ?? httpStatusOf(status),
    code: reason ?? status,
    message,
    details,
    headers: own?.headers ?? (status === 'UNAVAILABLE' ? { 'retry-after': retryAfter(details) } : undefined),
    fault: isFault(error),
  }
}

function retryAfter(details: unknown): string {
  const seconds = Math.ceil(retryDelayMsOf(details) / 1_000)
  return String(Math.min(Math.max(seconds, RETRY_AFTER_S_MIN), RETRY_AFTER_S_MAX))
}

/** An error with this status code of HTTP, which the parser of Node reports before there is a request. */
export function plainAnswer(statusCode: number, message: string): ErrorAnswer {
  const code = CODES_BY_HTTP_STATUS.get(statusCode) ?? 'INVALID_ARGUMENT'
  return { statusCode, code, message, details: undefined, headers: undefined, fault: false }
}

/** The form that a client gets: it can demand RFC 9457 with the header `accept`. */
export function errorFormOf(accept: string | undefined, form: ErrorForm): ErrorForm {
  return form === 'problem' || names(accept, PROBLEM_TYPE) ? 'problem' : 'envelope'
}

/** The text of the body. */
export function errorText(answer: ErrorAnswer, form: ErrorForm): string {
  const { statusCode, code, message, details = {} } = answer
  const title = STATUS_CODES[statusCode] ?? 'Client Closed Request'
  const textWith = (shown: unknown): string =>
    form === 'envelope'
      ? jsonText({ error: { code, message, details: shown } })
      : jsonText({
          type: 'about:blank',
          title,
          status: statusCode,
          detail: message,
          code,
          details: shown,
        })
  try {
    return textWith(details)
  } catch {
    // JSON has no form for details that contain themselves; the rest of the error must still arrive.
    return textWith({})
  }
}

/** Hooks of the program and Fastify itself mark errors of clients so. */
function clientFaultOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { statusCode } = error as { readonly statusCode?: unknown }
  const isClientFault = typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500
  return isClientFault ? statusCode : undefined
}

function answerOfFramework({ code, message }: Error & { code?: unknown }, statusCode: number): ErrorAnswer {
  const own = typeof code === 'string' ? FASTIFY_MESSAGES.get(code) : undefined
  return plainAnswer(statusCode, own ?? message)
}
