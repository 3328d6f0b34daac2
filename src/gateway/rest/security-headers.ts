/** The headers of every reply: nothing of it is a page, and nobody else may show it. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
}

/** Two years, over TLS only. */
export const STRICT_TRANSPORT_SECURITY = 'max-age=63072000'
