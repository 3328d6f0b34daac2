import { VIOLATIONS_MAX, violationAt } from '../../schema/field-violations.js'
import type { FieldViolation } from '../../service-error.js'

/** The limit of other implementations of Protocol Buffers. */
const DEPTH_MAX = 100
/**
 * The work for one message: 1 for each element and 16 for each message in it. A channel carries shared references, with which a short
 * message can stand for a long one.
 */
const WORK_MAX = 2 ** 24
const MESSAGE_WORK = 16

/** Collects the wrong fields of one message. */
export class MessageWalk {
  readonly violations: FieldViolation[] = []
  readonly #path: PropertyKey[] = []
  #depth = 0
  #work = 0

  /** Runs `read`, and returns undefined after so many violations that it stopped. */
  static run<T>(read: (walk: MessageWalk) => T): {
    value: T | undefined
    violations: readonly FieldViolation[]
  } {
    const walk = new MessageWalk()
    try {
      return { value: read(walk), violations: walk.violations }
    } catch (error) {
      if (!(error instanceof WalkEnded)) throw error
      return { value: undefined, violations: walk.violations }
    }
  }

  /** Reports the current field. */
  fail(description: string): undefined {
    this.violations.push(violationAt(this.#path, description))
    if (this.violations.length === VIOLATIONS_MAX) throw new WalkEnded()
    return undefined
  }

  /** Reads a part with its own step of the path. */
  at(step: PropertyKey, convert: Convert, value: unknown): unknown {
    this.#path.push(step)
    const converted = convert(value, this)
    this.#path.pop()
    return converted
  }

  /** Reads a nested message. */
  nested(read: () => unknown): unknown {
    this.charge(MESSAGE_WORK)
    if (this.#depth === DEPTH_MAX) return this.fail(`has more than ${DEPTH_MAX} levels of messages`)
    this.#depth += 1
    const value = read()
    this.#depth -= 1
    return value
  }

  /** Ends the walk if the message has too many values. */
  charge(work: number): void {
    this.#work += work
    if (this.#work <= WORK_MAX) return
    this.fail('has more values than one message may have')
    throw new WalkEnded()
  }
}

class WalkEnded extends Error {}

/** Returns the value in the form of a message, or reports that it is wrong. */
export type Convert = (value: unknown, walk: MessageWalk) => unknown
