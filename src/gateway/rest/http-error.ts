import { ServiceError, type ServiceErrorOptions } from '../../service-error.js'
import type { Status } from '../../status.js'

export interface HttpErrorOptions extends ServiceErrorOptions {
  /** Further headers of the reply. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** An error of the gateway itself, for which HTTP has a more precise status than the one of its `status`. */
export class HttpError extends ServiceError {
  /** For example 422. */
  readonly httpStatus: number
  readonly headers: Readonly<Record<string, string>> | undefined

  constructor(httpStatus: number, status: Status, message: string, options: HttpErrorOptions = {}) {
    super(status, message, options)
    this.httpStatus = httpStatus
    this.headers = options.headers
  }
}
