import { HttpError } from './http-error.js'

/** The part of the target of a request before the query. */
export function pathOf(target: string): string {
  const end = target.indexOf('?')
  return end === -1 ? target : target.slice(0, end)
}

/** The query of the target of a request, without the question mark. */
export function queryOf(target: string): string {
  const start = target.indexOf('?')
  return start === -1 ? '' : target.slice(start + 1)
}

/** Throws the error 400 for a wrong percent-encoding, or one that is not UTF-8. */
export function decodePercent(text: string, place: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    throw new HttpError(400, 'INVALID_ARGUMENT', `${place} has a percent-encoding that is not valid UTF-8`)
  }
}

/** As `decodePercent`, but an encoded slash remains encoded: in a value of several segments it would be a separator. */
export function decodeExceptSlash(text: string): string {
  if (!/%2f/i.test(text)) return decodePercent(text, 'the path')
  return text
    .split(/(%2f)/i)
    .map((part, index) => (index % 2 === 1 ? part : decodePercent(part, 'the path')))
    .join('')
}
