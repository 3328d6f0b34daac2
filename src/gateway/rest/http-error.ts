import { ServiceError, type ServiceErrorOptions } from '../../service-error.js'
import type { Status } from '../../status.js'

/** An error of the gateway itself, for which HTTP has a more precise status than the one of its `status`. */
export class HttpError extends ServiceError {
  /** For example 422. */
  readonly httpStatus: number

  constructor(httpStatus: number, status: Status, message: string, options?: ServiceErrorOptions) {
    super(status, message, options)
    this.httpStatus = httpStatus
  }
}
