import { ErrorCode, type Executed, ShmwireError } from '../../errors.js'
import { textOfThrown } from '../../uncaught.js'

/** Codes of the JetStream API: https://docs.nats.io/reference/reference-protocols/nats_api_reference. */
export const ApiCode = {
  NO_MESSAGE: 10_037,
  NOT_ENABLED: 10_039,
  CONSUMER_NOT_FOUND: 10_014,
  /** There is no message with this sequence. */
  DELETE_FAILED: 10_057,
  STREAM_NAME_IN_USE: 10_058,
  STREAM_NOT_FOUND: 10_059,
  WRONG_LAST_ID: 10_070,
  WRONG_LAST_SEQUENCE: 10_071,
  /** Also "maximum messages exceeded" and "maximum bytes exceeded". */
  STORE_FAILED: 10_077,
} as const

/** Memory or disk of the servers, or the limits of the account. */
const RESOURCE_CODES: ReadonlySet<number> = new Set([10_002, 10_023, 10_028, 10_047])

/** Of the certificates of node:tls, and of an alert of the other side. */
const CERTIFICATE = /^ERR_TLS_|^ERR_SSL_|CERT|^UNABLE_TO_|SIGNED/

const LIMIT = /maximum (?:messages|bytes)|messages per subject/i

export interface FaultOptions {
  readonly executed?: Executed | undefined
}

/** The code of a refusal by JetStream; undefined for another error. */
export function apiCodeOf(error: unknown): number | undefined {
  const { apiError } = (error ?? {}) as { apiError?: unknown }
  if (typeof apiError !== 'function') return undefined
  const details = (apiError as () => { err_code?: unknown } | undefined).call(error)
  return typeof details?.err_code === 'number' ? details.err_code : undefined
}

/** The stream has no room for a message. */
export function isFull(error: unknown): boolean {
  return apiCodeOf(error) === ApiCode.STORE_FAILED && LIMIT.test(textOfThrown(error))
}

/** No answer: the connection is gone, the server is busy, or the servers elect a leader. The same message can be sent again. */
export function isPassing(error: unknown): boolean {
  const code = apiCodeOf(error)
  if (code !== undefined) return TRANSIENT_CODES.has(code)
  if (hasName(error, 'PermissionViolationError', 'ClosedConnectionError')) return false
  return hasName(error, 'TimeoutError', 'NoResponders', 'JetStreamNotEnabled', 'RequestError')
}

/** No answer at all. */
export function isSilence(error: unknown): boolean {
  return hasName(error, 'TimeoutError')
}

/** The server has certainly not stored the message: it has refused it, or has said that nothing stores it. */
export function isRefusal(error: unknown): boolean {
  return apiCodeOf(error) !== undefined || hasName(error, 'NoResponders', 'JetStreamNotEnabled')
}

/** The server has answered that no program subscribes to the subject. */
export function isUnanswerable(error: unknown): boolean {
  return hasName(error, 'NoResponders')
}

/** No server listens, or it has just ended. The same call can succeed later. */
export function isAbsence(error: unknown): boolean {
  if (!(error instanceof ShmwireError)) return false
  if (error.code === ErrorCode.NOT_LISTENING) return true
  const isPermanent = hasName(error, 'JetStreamNotEnabled', 'NoResponders') || isMissingPackage(error.cause)
  return error.code === ErrorCode.UNAVAILABLE && !isPermanent
}

/** The leader of a stream or of the cluster is not elected, or the server just starts. */
const TRANSIENT_CODES: ReadonlySet<number> = new Set([10_004, 10_008, 10_009, 10_041, 10_118, 10_119])

/** The error of shmwire for one of the client or of a server. `what`: for example `the queue "mail"`. */
export function faultOf(error: unknown, what: string, options: FaultOptions = {}): ShmwireError {
  if (error instanceof ShmwireError) return error
  const text = textOfThrown(error)
  const fault = (code: ErrorCode, message: string): ShmwireError =>
    new ShmwireError(code, message, { cause: error, executed: options.executed })
  const api = apiCodeOf(error)
  if (api !== undefined) return fault(codeOfApi(api), `${what}: JetStream refuses: ${text} (${api})`)
  if (hasName(error, 'AuthorizationError', 'UserAuthenticationExpiredError'))
    return fault(
      ErrorCode.DENIED,
      `${what}: the server refuses the login: ${text}; check user, password, token, nkeySeed or credentialsFile`,
    )
  if (hasName(error, 'PermissionViolationError'))
    return fault(
      ErrorCode.DENIED,
      `${what}: the server does not permit this: ${text}; docs/nats.md lists the subjects that the user needs`,
    )
  if (hasName(error, 'JetStreamNotEnabled', 'NoResponders'))
    return fault(
      ErrorCode.UNAVAILABLE,
      `${what}: no server answers for JetStream; start nats-server with -js and enable JetStream for the account`,
    )
  if (hasName(error, 'TimeoutError'))
    return fault(ErrorCode.UNAVAILABLE, `${what}: no server has answered within answerMs`)
  if (hasName(error, 'ClosedConnectionError', 'DrainingConnectionError'))
    return fault(ErrorCode.CLOSED, `${what}: the engine is closed`)
  if (CERTIFICATE.test(codeOf(error)))
    return fault(ErrorCode.DENIED, `${what}: TLS fails: ${text}; check tls.ca, tls.cert and tls.key`)
  return fault(ErrorCode.UNAVAILABLE, `${what}: ${text}`)
}

function codeOfApi(code: number): ErrorCode {
  if (code === ApiCode.STREAM_NOT_FOUND || code === ApiCode.CONSUMER_NOT_FOUND) return ErrorCode.NOT_LISTENING
  if (RESOURCE_CODES.has(code)) return ErrorCode.OUT_OF_MEMORY
  if (code === ApiCode.NOT_ENABLED) return ErrorCode.UNAVAILABLE
  return TRANSIENT_CODES.has(code) ? ErrorCode.UNAVAILABLE : ErrorCode.INVALID_STATE
}

/** Walks the causes, because the client wraps its errors. By name, because a program can have several copies of the package. */
function hasName(error: unknown, ...names: string[]): boolean {
  let current: unknown = error
  for (let depth = 0; depth < 4 && typeof current === 'object' && current !== null; depth += 1) {
    const { name, cause } = current as { name?: unknown; cause?: unknown }
    if (typeof name === 'string' && names.includes(name)) return true
    current = cause
  }
  return false
}

function isMissingPackage(cause: unknown): boolean {
  return cause !== undefined && codeOf(cause) === 'ERR_MODULE_NOT_FOUND'
}

function codeOf(error: unknown): string {
  const { code, cause } = error as { code?: unknown; cause?: unknown }
  if (typeof code === 'string') return code
  const inner = (cause as { code?: unknown } | undefined)?.code
  return typeof inner === 'string' ? inner : ''
}
