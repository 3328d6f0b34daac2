/** Of the gateway. Short, so that slow clients are refused during their hours. */
export const HEADERS_TIMEOUT_MS = 3_000
export const STALL_MS = 1_000
