import type { Status } from '../../status.js'

/** An error that the gateway itself answers, with a status code of HTTP that its status alone does not have. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly statusCode: number
  readonly reason: string
  readonly status: Status
  readonly headers: Readonly<Record<string, string>> | undefined

  /** @param reason the `code` in the envelope */
  constructor(
    statusCode: number,
    status: Status,
    message: string,
    {
      reason = status,
      headers,
    }: { readonly reason?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message)
    this.statusCode = statusCode
    this.status = status
    this.reason = reason
    this.headers = headers
  }
}
