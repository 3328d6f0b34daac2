import { ErrorCode, ShmwireError } from '../../errors.js'
import { invalid, show } from '../../options.js'
import { textOfThrown } from '../../uncaught.js'

/** Headers that the application adds to each call, such as its token. */
export type CallHeaders = Readonly<Record<string, string>>

/** The headers, or a function that returns those of the next connection, for tokens that expire. */
export type HeadersSource = CallHeaders | (() => CallHeaders | Promise<CallHeaders>)

/** Without those of HTTP, gRPC and WebSockets themselves, and without binary ones. */
const NAME = /^(?!grpc-|sec-websocket-)(?!.*-bin$)[a-z0-9_.-]+$/
const RESERVED = new Set([
  'connection',
  'content-length',
  'content-type',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
])
const VALUE = /^[\x20-\x7e]*$/

/** Checks an option. Throws `INVALID_ARGUMENT`. */
export function checkHeadersSource(source: unknown): asserts source is HeadersSource {
  if (typeof source !== 'function') checkHeaders(source)
}

/** The headers of the next connection. Rejects with `UNAVAILABLE` if the function fails, `INVALID_ARGUMENT`. */
export async function headersOf(source: HeadersSource): Promise<CallHeaders> {
  if (typeof source !== 'function') return source
  let headers: CallHeaders
  try {
    headers = await source()
  } catch (cause) {
    const message = `the function headers failed: ${textOfThrown(cause)}`
    throw new ShmwireError(ErrorCode.UNAVAILABLE, message, { cause })
  }
  checkHeaders(headers)
  return headers
}

/** Throws `INVALID_ARGUMENT`. The errors have no values, which can be secrets. */
export function checkHeaders(headers: unknown): asserts headers is CallHeaders {
  if (typeof headers !== 'object' || headers === null) throw invalid('headers', headers, 'an object')
  for (const [name, value] of Object.entries(headers)) {
    if (!NAME.test(name) || RESERVED.has(name))
      throw invalid(
        'headers',
        { [name]: '' },
        `an object whose names are lower-case headers, unlike ${show(name)}`,
      )
    if (typeof value !== 'string' || !VALUE.test(value))
      throw invalid(`headers[${show(name)}]`, typeof value, 'a text of visible ASCII characters and spaces')
  }
}
