import { ErrorCode, type Executed, ShmwireError } from './errors.js'
import { invalid } from './options.js'
import { printable } from './printable.js'
import { isStatus, STATUSES, type Status } from './status.js'

export interface ServiceErrorOptions {
  /** A stable name for programs, for example `'USER_NOT_FOUND'`. At most 256 characters cross. */
  reason?: string | undefined
  /** Any value that the codec of the channel carries. */
  details?: unknown
  /** Stays in this process. */
  cause?: unknown
  /**
   * `'no'`: an interceptor refuses a call that has done nothing, so a client may repeat it. It crosses only if the handler has not begun.
   * Default: nothing is stated.
   */
  executed?: Executed | undefined
}

/** One field of a message that is not valid. */
export interface FieldViolation {
  /** The path of the field, for example `user.emails[0]`; empty for the whole message. */
  readonly field: string
  readonly description: string
}

/**
 * The failure of a call, as the handler of a service reports it. It reaches the caller with the same `status`, `message`, `reason` and
 * `details` over every link and gateway. Its `code` is `ERR_SHMWIRE_SERVICE`.
 */
export class ServiceError extends ShmwireError {
  override readonly name = 'ServiceError'
  readonly reason: string | undefined
  readonly details: unknown
  readonly #given: string

  /** Throws `INVALID_ARGUMENT` for a status that is not one of the 16. */
  constructor(status: Status, message: string, options: ServiceErrorOptions = {}) {
    if (!isStatus(status)) throw invalid('status', status, `one of ${STATUSES.join(', ')}`)
    const { executed } = options
    const cause = 'cause' in options ? { cause: options.cause } : {}
    super(ErrorCode.SERVICE, message, { status, executed, ...cause })
    this.#given = message
    this.reason = options.reason
    this.details = options.details
  }

  /** The exact message that the handler passed. In `message`, hidden characters are escaped, so that it is one line of a log. */
  get rawMessage(): string {
    return printable(this.#given) === this.message ? this.#given : this.message
  }
}

/** Also of an error of another copy of this package, which can be older and have no `rawMessage`. */
export function rawMessageOf({ message, rawMessage }: Pick<ServiceError, 'message' | 'rawMessage'>): string {
  return typeof rawMessage === 'string' ? rawMessage : message
}

/** The error of a message that does not have the declared form, with `details: { fieldViolations }`. */
export function invalidMessage(
  what: string,
  fieldViolations: readonly FieldViolation[],
  status: Status = 'INVALID_ARGUMENT',
): ServiceError {
  const [first] = fieldViolations
  const place = first === undefined || first.field === '' ? '' : `${first.field}: `
  const text = first === undefined ? 'it does not have the declared form' : `${place}${first.description}`
  const more = fieldViolations.length > 1 ? ` (and ${fieldViolations.length - 1} more)` : ''
  return new ServiceError(status, `${what} is not valid: ${text}${more}`, {
    reason: 'INVALID_MESSAGE',
    details: { fieldViolations },
  })
}
