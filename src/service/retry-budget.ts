/** As the retry throttling of gRPC (https://grpc.io/docs/guides/retry/): a success earns a tenth of a retry, up to ten. */
const TOKENS_MAX = 10
const TOKENS_PER_SUCCESS = 0.1

/** Bounds the retries of a client, so that retries do not multiply the load of a service that fails. */
export class RetryBudget {
  #tokens = TOKENS_MAX

  get isFull(): boolean {
    return this.#tokens >= TOKENS_MAX
  }

  succeeded(): void {
    this.#tokens = Math.min(TOKENS_MAX, this.#tokens + TOKENS_PER_SUCCESS)
  }

  /** True: one more retry is allowed. */
  take(): boolean {
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
