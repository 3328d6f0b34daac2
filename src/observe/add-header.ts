import { checkHeaders } from '../messaging/headers.js'
import { checkMetadata, type Metadata } from '../service/call/metadata.js'

/**
 * Adds a header to those of a call. One that does not fit is left out, because an operation must not fail only because it is observed: then
 * this returns the error that the call would have had.
 */
export function addMetadata(metadata: Metadata, name: string, value: string): unknown {
  const before = metadata.get(name)
  try {
    checkMetadata(metadata.set(name, value))
    return undefined
  } catch (error) {
    if (before === undefined) metadata.delete(name)
    else metadata.set(name, before)
    return error
  }
}

/** The same for a message or a job. */
export function addHeader(headers: Record<string, string>, name: string, value: string): unknown {
  const before = headers[name]
  try {
    headers[name] = value
    checkHeaders(headers)
    return undefined
  } catch (error) {
    if (before === undefined) delete headers[name]
    else headers[name] = before
    return error
  }
}
