import { isLoopback } from '../../address/network-address.js'
import { clearTimeout, newAbortController, setTimeout } from '../../host.js'
import { booleanOption, invalid, misuse } from '../../options.js'
import { parseObject } from './compact-jws.js'

/** As the global one, which is the default. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** An answer of a server of keys or tokens. */
export interface JsonAnswer {
  readonly status: number
  /** Undefined: the body is not a JSON object. */
  readonly body: Readonly<Record<string, unknown>> | undefined
}

const BODY_BYTES_MAX = 256 * 1024

/** Checks the address of a server of keys or tokens. Throws `INVALID_ARGUMENT`. The errors have no part of it, because it can be a secret. */
export function checkUrl(name: string, given: unknown, insecure: unknown): string {
  const text = given instanceof URL ? given.href : given
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw misuse(`${name} must be a URL that begins with 'https://'`)
  if (url.username !== '' || url.password !== '') throw misuse(`${name} has a user name or password`)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (!booleanOption('insecure', insecure) && url.protocol !== 'https:' && !isLoopback(host))
    throw misuse(
      `${name} is not encrypted, so every host on the way could replace the answer; use https, or pass insecure: true if every host of the network is trusted`,
    )
  return url.href
}

/** Checks an option. Throws `INVALID_ARGUMENT`. */
export function checkFetch(fetch: unknown): Fetch {
  if (fetch === undefined) return (url, init) => globalThis.fetch(url, init)
  if (typeof fetch !== 'function') throw invalid('fetch', fetch, 'a function')
  return fetch as Fetch
}

/** Follows no redirections, and reads at most 256 KiB within `timeoutMs`. Rejects if there is no whole answer. */
export async function fetchJson(
  fetch: Fetch,
  url: string,
  init: RequestInit,
  timeoutMs: number,
): Promise<JsonAnswer> {
  const controller = newAbortController()
  const timer = setTimeout(
    () => controller.abort(new Error(`there is no answer within ${timeoutMs} ms`)),
    timeoutMs,
  )
  try {
    const response = await fetch(url, { ...init, redirect: 'error', signal: controller.signal })
    return { status: response.status, body: parseObject(await readBody(response)) }
  } finally {
    clearTimeout(timer)
    // Ends the rest of an answer that is too long.
    controller.abort()
  }
}

async function readBody({ body }: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body ?? []) {
    length += (chunk as Uint8Array).length
    if (length > BODY_BYTES_MAX) throw new Error(`the answer is longer than ${BODY_BYTES_MAX} bytes`)
    chunks.push(chunk as Uint8Array)
  }
  return Buffer.concat(chunks)
}
