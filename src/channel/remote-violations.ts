import { ErrorCode } from '../errors.js'
import type { FieldViolation } from '../service-error.js'

/** The violations of an error with its causes; both sides drop further ones. */
export const REMOTE_VIOLATIONS_MAX = 32

/** The violations of a ServiceError for a message that is not valid. Any value can be thrown, with accessors that throw again. */
export function violationsOf(thrown: object): readonly unknown[] {
  try {
    const { code, details } = thrown as { code?: unknown; details?: unknown }
    return code === ErrorCode.SERVICE ? listIn(details) : []
  } catch {
    return []
  }
}

/** The list in `{ fieldViolations }`. */
function listIn(details: unknown): readonly unknown[] {
  const list = (details as { fieldViolations?: unknown } | null | undefined)?.fieldViolations
  return Array.isArray(list) ? list : []
}

/** Both texts of each violation, as `textOf` returns them, of at most `max` violations. */
export function readViolations(
  list: readonly unknown[],
  max: number,
  textOf: (text: string) => string,
): FieldViolation[] {
  const violations: FieldViolation[] = []
  for (let index = 0; index < list.length && violations.length < max; index += 1) {
    const { field, description } = (list[index] ?? {}) as Partial<Record<keyof FieldViolation, unknown>>
    if (typeof field === 'string' && typeof description === 'string')
      violations.push({ field: textOf(field), description: textOf(description) })
  }
  return violations
}
