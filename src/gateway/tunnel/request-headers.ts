import { ErrorCode, ShmwireError } from '../../errors.js'
import { misuse } from '../../options.js'
import { type TokenSource, Tokens } from '../tokens.js'
import { type CallHeaders, checkHeadersSource, type HeadersSource, headersOf } from './call-headers.js'

export interface RequestHeadersOptions {
  /** Headers of each connection, such as `x-api-key`; or a function that returns them, which is called for each connection. Default: none. */
  headers?: HeadersSource | undefined
  /** For the header `authorization` of each connection: `Bearer` and the token. A function is called for each connection. Default: none. */
  token?: TokenSource | undefined
}

/**
 * The function that resolves to the headers of the next connection. It rejects with `UNAVAILABLE` if a function of the options fails, because it can succeed
 * later, and with `INVALID_ARGUMENT`. Throws `INVALID_ARGUMENT`.
 */
export function requestHeaders({ headers = {}, token }: RequestHeadersOptions): () => Promise<CallHeaders> {
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
