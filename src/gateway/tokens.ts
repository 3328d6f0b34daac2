import { ErrorCode, ShmwireError } from '../errors.js'
import { invalid, misuse } from '../options.js'

/**
 * A bearer token, or a function that returns one for each call, or each connection of a tunnel. A function that needs time for a token keeps
 * it while it is valid.
 */
export type TokenSource = string | (() => string | Promise<string>)

/** A header has no spaces around its value, and no control characters. */
const TOKEN = /^[\x21-\x7e]+$/
/** As many calls as a channel carries. */
const WAITING_MAX = 4096

/** The values of the header `authorization`. */
export class Tokens {
  readonly #source: TokenSource
  #waiting = 0

  /** Throws `INVALID_ARGUMENT`. */
  constructor(source: TokenSource) {
    // No message quotes a token.
    if (typeof source === 'string') {
      if (!TOKEN.test(source))
        throw misuse('token is empty or has other characters than printable ASCII without spaces')
    } else if (typeof source !== 'function') {
      throw invalid('token', source, 'a string, or a function that returns one')
    }
    this.#source = source
  }

  /** Rejects with the status UNAUTHENTICATED if the source fails. */
  async header(): Promise<string> {
    const source = this.#source
    return `Bearer ${typeof source === 'string' ? source : await this.#next(source)}`
  }

  // Each call has its own: the source can depend on the caller, so two calls must not share a result.
  async #next(source: () => string | Promise<string>): Promise<string> {
    if (this.#waiting >= WAITING_MAX)
      throw new ShmwireError(
        ErrorCode.BACKLOG,
        `${WAITING_MAX} calls wait for the token source already; it must keep a token while it is valid`,
        { executed: 'no' },
      )
    this.#waiting += 1
    let token: unknown
    try {
      token = await source()
    } catch (cause) {
      // Without the text of the cause, which can quote credentials, and can reach other processes.
      throw unauthenticated('the token source failed', cause)
    } finally {
      this.#waiting -= 1
    }
    if (typeof token === 'string' && TOKEN.test(token)) return token
    throw unauthenticated(
      `the token source returned ${typeof token === 'string' ? 'a string' : `a value of type ${typeof token}`}; it must return a token of printable ASCII without spaces`,
      undefined,
    )
  }
}

function unauthenticated(message: string, cause: unknown): ShmwireError {
  return new ShmwireError(ErrorCode.DENIED, message, {
    status: 'UNAUTHENTICATED',
    executed: 'no',
    ...(cause === undefined ? {} : { cause }),
  })
}
