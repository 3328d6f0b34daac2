/**
 * The work of creating a RegExp of a message, in units of about 2 µs. V8 parses the pattern at once, and one character can stand for a
 * list of all letters, or for thousands of sequences of emoji. Measured on Node 20 to 26; the constants are those of the slowest.
 */
const Unit = {
  CHARACTER: 1,
  /** With flag u or v, and i: `\W` is a list of ranges to which each letter of another case is added. */
  UNICODE_CHARACTER: 16,
  /** `\p{…}` with flag u or v. */
  PROPERTY: 500,
  /** With flag v, properties of strings such as `\p{RGI_Emoji}`: thousands of strings. */
  STRINGS: 1_500,
  /** The same with flag i. */
  STRINGS_ANY_CASE: 14_000,
} as const

/** For all patterns of one message: about 100 ms. */
export const PATTERN_WORK_MAX = 50_000

const PROPERTIES = /\\[pP]/g
/** Properties of strings: Basic_Emoji, Emoji_Keycap_Sequence, and all with the prefix RGI. */
const PROPERTIES_OF_STRINGS = /\\p\{(?:RGI_|Basic_Emoji|Emoji_Keycap)/g

/** Adds the work of the patterns of one message. Both sides count in the same way, so the receiver accepts what the sender accepts. */
export class PatternWork {
  #done = 0

  /** Throws RangeError if the patterns together are too much work. */
  add(source: string, flags: string): void {
    this.#done += workOf(source, flags)
    if (this.#done <= PATTERN_WORK_MAX) return
    throw new RangeError(
      `the regular expressions of a message are too long: one of ${source.length} characters with flags "${flags}" brings ` +
        `them to ${this.#done} units of work, more than ${PATTERN_WORK_MAX} (a character is ${Unit.CHARACTER} unit, with flag u or v ` +
        `${Unit.UNICODE_CHARACTER}, \\p{…} ${Unit.PROPERTY} or more); send the pattern as a string`,
    )
  }
}

/** Pairs of a named group and a reference by name in one unit: V8 lists, for each reference, all groups with that name. */
const NAME_PAIRS_PER_UNIT = 20
const NAMED_GROUPS = /\(\?</g
const NAMED_REFERENCES = /\\k</g

function workOf(source: string, flags: string): number {
  return charactersWorkOf(source, flags) + namesWorkOf(source)
}

function namesWorkOf(source: string): number {
  if (source.length > PATTERN_WORK_MAX) return 0
  const references = source.match(NAMED_REFERENCES)?.length ?? 0
  if (references === 0) return 0
  return Math.ceil((references * (source.match(NAMED_GROUPS)?.length ?? 0)) / NAME_PAIRS_PER_UNIT)
}

function charactersWorkOf(source: string, flags: string): number {
  if (!/[uv]/.test(flags)) return source.length * Unit.CHARACTER
  // A longer pattern is refused in any case.
  if (source.length > PATTERN_WORK_MAX) return source.length * Unit.UNICODE_CHARACTER
  const properties = source.match(PROPERTIES)?.length ?? 0
  const ofStrings = flags.includes('v') ? (source.match(PROPERTIES_OF_STRINGS)?.length ?? 0) : 0
  return (
    source.length * Unit.UNICODE_CHARACTER +
    properties * Unit.PROPERTY +
    ofStrings * (flags.includes('i') ? Unit.STRINGS_ANY_CASE : Unit.STRINGS)
  )
}
