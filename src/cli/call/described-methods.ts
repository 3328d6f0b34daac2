import type { CallKind } from '../../service/contract/contract.js'
import { CommandError } from '../command.js'

export interface DescribedMethod {
  readonly name: string
  /** Undefined without a contract. */
  readonly kind: CallKind | undefined
}

const KINDS: readonly string[] = ['unary', 'serverStream', 'clientStream', 'bidi'] satisfies CallKind[]

/** The methods of the answer of `$info`, which is input from the service. Throws CommandError if it has another form. */
export function describedMethods(info: unknown): DescribedMethod[] {
  const { methods } = (info ?? {}) as { methods?: unknown }
  if (!Array.isArray(methods)) throw malformed()
  return methods.map((method: unknown) => {
    const { name, kind } = (method ?? {}) as { name?: unknown; kind?: unknown }
    const isKnown = kind === undefined || (typeof kind === 'string' && KINDS.includes(kind))
    if (typeof name !== 'string' || !isKnown) throw malformed()
    return { name, kind: kind as CallKind | undefined }
  })
}

function malformed(): CommandError {
  return new CommandError(
    'the service describes its methods in an unknown form; use the version of shmwire that the service uses',
  )
}
