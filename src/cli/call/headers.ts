import { Metadata } from '../../service/call/metadata.js'
import { UsageError } from '../command.js'
import { asUsage } from '../message-options.js'

/** The options `--header name=value`. Throws UsageError. */
export function parseHeaders(texts: readonly string[]): Record<string, string> {
  const headers = new Map<string, string>()
  for (const text of texts) {
    const end = text.indexOf('=')
    if (end < 1) throw new UsageError(`--header ${text}: it must have the form name=value`)
    const name = text.slice(0, end).toLowerCase()
    if (headers.has(name)) throw new UsageError(`--header ${text}: the header ${name} is there already`)
    headers.set(name, text.slice(end + 1))
  }
  const result = Object.fromEntries(headers)
  asUsage(() => new Metadata(result))
  return result
}
