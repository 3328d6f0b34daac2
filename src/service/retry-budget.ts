import { numberOption } from '../number-option.js'
import { checkOptionNames } from '../options.js'

/** As the retry throttling of gRPC (https://grpc.io/docs/guides/retry/): a success earns a tenth of a retry, up to ten. */
const TOKENS_MAX = 10
const TOKENS_PER_SUCCESS = 0.1
const TOKENS_MAX_LIMIT = 1_000_000
/** Tokens are counted in billionths, as whole numbers: ten additions of a tenth make one. */
const UNITS = 1_000_000_000

export interface RetryBudgetOptions {
  /** The retries that can be made at once; the budget begins with them. 1 to 1,000,000. Default 10. */
  tokensMax?: number | undefined
  /** The part of a retry that a success earns. 0 to 1. Default 0.1. */
  tokensPerSuccess?: number | undefined
}

const OPTION_NAMES: readonly string[] = [
  'tokensMax',
  'tokensPerSuccess',
] satisfies (keyof RetryBudgetOptions)[]

/** Bounds the retries and hedges of clients, so that they do not multiply the load of a service that fails. */
export class RetryBudget {
  readonly #max: number
  readonly #perSuccess: number
  readonly #counted = new WeakSet()
  #tokens: number

  /** Throws `INVALID_ARGUMENT`. */
  constructor(options: RetryBudgetOptions = {}) {
    checkOptionNames(options, OPTION_NAMES)
    const { tokensMax = TOKENS_MAX, tokensPerSuccess = TOKENS_PER_SUCCESS } = options
    this.#max = unitsOf(numberOption('tokensMax', tokensMax, 1, TOKENS_MAX_LIMIT))
    this.#perSuccess = unitsOf(numberOption('tokensPerSuccess', tokensPerSuccess, 0, 1))
    this.#tokens = this.#max
  }

  /** The retries that are left. */
  get tokens(): number {
    return this.#tokens / UNITS
  }

  get isFull(): boolean {
    return this.#tokens >= this.#max
  }

  /** A call has succeeded. With `call`, an object that is the same for all interceptors of a call, it counts once. */
  succeeded(call?: object): void {
    if (this.isFull) return
    if (call !== undefined) {
      if (this.#counted.has(call)) return
      this.#counted.add(call)
    }
    this.#tokens = Math.min(this.#max, this.#tokens + this.#perSuccess)
  }

  /** True: one more retry is allowed. */
  take(): boolean {
    if (this.#tokens < UNITS) return false
    this.#tokens -= UNITS
    return true
  }
}

function unitsOf(tokens: number): number {
  return Math.round(tokens * UNITS)
}
