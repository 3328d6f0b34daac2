import { checkName } from '../../address/plain-name.js'
import { invalid } from '../../options.js'

/** The first word of every name on the server, so that several applications can share one account. */
const PREFIX = /^[A-Za-z0-9_-]{1,32}$/
const PREFIX_FORM = '1 to 32 characters from A-Z a-z 0-9 _ -'

export type Pattern = 'topic' | 'cell' | 'queue'

/** The names of streams, buckets and subjects on the server. docs/nats.md lists them, because permissions of NATS refer to them. */
export class Names {
  readonly #prefix: string

  /** Throws `INVALID_ARGUMENT`. */
  constructor(prefix: string) {
    if (typeof prefix !== 'string' || !PREFIX.test(prefix)) throw invalid('prefix', prefix, PREFIX_FORM)
    this.#prefix = prefix
  }

  /** A stream, for example `shmwire-queue-mail`. */
  stream(part: Pattern | 'later' | 'dead', name: string): string {
    return `${this.#prefix}-${part}-${wordOf(name)}`
  }

  /** A subject, for example `shmwire.queue.mail.job`. */
  subject(pattern: Pattern, name: string, part: string): string {
    return `${this.#prefix}.${pattern}.${wordOf(name)}.${part}`
  }

  /** The key-value bucket of all cells. */
  get bucket(): string {
    return `${this.#prefix}-cells`
  }

  /** The key of a cell in the bucket. */
  key(name: string): string {
    return wordOf(name)
  }
}

/** Throws `INVALID_ARGUMENT` unless a topic, cell or queue of an engine can have this name: the plain names of local servers. */
export function checkEngineName(name: unknown): void {
  if (typeof name !== 'string') throw invalid('name', name, 'a string')
  checkName(name, 'a plain name')
}

/** A dot separates the words of a subject. `=` cannot be part of a plain name. */
function wordOf(name: string): string {
  return name.replaceAll('.', '=')
}
