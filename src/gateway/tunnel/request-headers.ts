import { ErrorCode, ShmwireError } from '../../errors.js'
import { misuse } from '../../options.js'
import { type TokenSource, Tokens } from '../tokens.js'
import { type CallHeaders, checkHeadersSource, type HeadersSource, headersOf } from './call-headers.js'

/**
 * The function that resolves to the headers of the next connection. It rejects with `UNAVAILABLE` if one of the given functions fails,
 * because it can succeed later, and with `INVALID_ARGUMENT`. Throws `INVALID_ARGUMENT`.
 */
export function requestHeaders(headers: HeadersSource = {}, token?: TokenSource): () => Promise<CallHeaders> {
  checkHeadersSource(headers)
  if (token === undefined) return () => headersOf(headers)
  const tokens = new Tokens(token)
  return async () => {
    const own = await headersOf(headers)
    if (own['authorization'] !== undefined)
      throw misuse('headers has authorization, and there is the option token; pass one of them')
    return { ...own, authorization: await next(tokens) }
  }
}

async function next(tokens: Tokens): Promise<string> {
  try {
    return await tokens.header()
  } catch (error) {
    const { message, cause } = error as ShmwireError
    throw new ShmwireError(ErrorCode.UNAVAILABLE, message, { cause })
  }
}
